"use strict";
// Draws the live state of one camera, the state of all, and the alarms. Text is set as text, never as HTML.
const SECONDS = 30;          // of the score curve
const POLL_MS = 2000;        // interval of the cameras' state and the alarms
const STALE_MS = 2000;       // people of an older frame may have left
const SILENT_MS = 4000;      // the monitor sends a state at least once a second
const INK = "#e8e8e8", ALARM = "#e5484d", AMBER = "#f5b83d";
const VERDICTS = ["right", "false", "unsure"];
const element = (id) => document.getElementById(id);

let camera = decodeURIComponent(location.hash.slice(1)), stream = null, events = "";
let curve = [], low = Infinity, high = -Infinity, source = null, lastTime = null, lastChange = 0;
let lastMessage = Date.now(), state = {}, ended = false;

function make(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text ?? "";
  return Object.assign(made, attributes);
}

async function getJson(path, options) {
  const response = await fetch(path, options);
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(typeof content.detail === "string" ? content.detail : response.statusText);
  return content;
}

// ---------------------------------------------------------------- live picture

function drawPeople() {
  const canvas = element("camera"), pen = canvas.getContext("2d");
  const [width, height] = state.size || [640, 480];
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  pen.clearRect(0, 0, width, height);
  drawZones(pen, width, height);
  for (const person of state.people || []) {
    pen.strokeStyle = pen.fillStyle = person.alarm ? ALARM : INK;
    pen.lineWidth = Math.max(2, width / 200);
    pen.lineCap = "round";
    for (const [a, b] of state.limbs) {
      const from = person.joints[a], to = person.joints[b];
      if (!from || !to) continue;
      pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
    }
    const detected = person.joints.filter(Boolean);
    if (!detected.length) continue;
    pen.font = `${Math.round(width / 36)}px system-ui`;
    const left = Math.min(...detected.map((j) => j[0])), top = Math.min(...detected.map((j) => j[1]));
    pen.fillText(String(person.person), left, Math.max(top - 8, width / 36));
  }
}

function drawCurve() {
  const canvas = element("curve"), pen = canvas.getContext("2d");
  if (canvas.width !== canvas.clientWidth) canvas.width = canvas.clientWidth;
  const { width, height } = canvas;
  const now = state.time || 0;
  curve = curve.filter(([time]) => time > now - SECONDS && time <= now);
  const shown = [state.threshold, ...curve.map(([, score]) => score)];
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui";
  low = Math.min(low, ...shown); high = Math.max(high, ...shown);
  const x = (time) => width * (1 - (now - time) / SECONDS);
  const y = (score) => 10 + (height - 20) * (1 - (score - low) / Math.max(high - low, 1e-12));
  const level = y(state.threshold);
  pen.strokeStyle = pen.fillStyle = AMBER; pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(0, level); pen.lineTo(width, level); pen.stroke();
  pen.fillText(`threshold ${state.threshold.toPrecision(3)}`, 6, level > 16 ? level - 4 : level + 14);
  pen.strokeStyle = (state.people || []).some((one) => one.alarm) ? ALARM : INK; pen.lineWidth = 2;
  pen.beginPath();
  curve.forEach(([time, score], i) => {
    const near = i && time - curve[i - 1][0] < 1;  // longer gaps stay empty
    pen[near ? "lineTo" : "moveTo"](x(time), y(score));
  });
  pen.stroke();
  if (curve.length) {
    pen.textAlign = "right"; pen.fillStyle = INK;
    pen.fillText(`score ${curve[curve.length - 1][1].toPrecision(3)}`, width - 6, height - 6);
    pen.textAlign = "left";
  }
}

function listPeople() {
  element("people").textContent = (state.people || []).map(({ person, window, score }) => {
    if (window < 1) return `person ${person}: window ${Math.round(100 * window)} % full`;
    return `person ${person}: ${score == null ? "no new score" : `score ${score.toPrecision(3)}`}`;
  }).join(" · ") || "nobody in view";
}

function show(message) {
  lastMessage = Date.now();
  state = { ...state, ...message };
  if (state.source !== source) { source = state.source; curve = []; low = Infinity; high = -Infinity; }
  if (message.curve) curve = message.curve;
  else if (state.score != null && (!curve.length || curve[curve.length - 1][0] < state.time)) curve.push([state.time, state.score]);
  if (state.time !== lastTime) { lastTime = state.time; lastChange = performance.now(); }
  if (performance.now() - lastChange > STALE_MS) state.people = [];
  ended = Boolean(state.ended);
  draw();
}

function draw() {
  const silent = Date.now() - lastMessage > SILENT_MS, gone = silent || ended;
  document.body.classList.toggle("gone", gone);
  if (gone) state.people = [];
  element("about").textContent = [state.source, ...(state.about || [])].filter(Boolean).join(" · ");
  element("clock").textContent = state.time == null ? "" : `${state.time.toFixed(1)} s · ${state.latency_ms ?? "–"} ms a frame`;
  const since = new Date(lastMessage).toLocaleTimeString();
  const lost = ended ? `the monitor has ended, at ${since}` : silent ? `the monitor cannot be reached since ${since}; trying again` : "";
  const errors = (state.errors || []).join(" · ") || (state.time == null ? "waiting for a frame" : "");
  element("status").textContent = [lost, errors].filter(Boolean).join(" · ");
  const alarmed = (state.people || []).filter((one) => one.alarm).map((one) => one.person);
  element("banner").hidden = !alarmed.length;
  element("banner").textContent = alarmed.length ? `ALARM: person ${alarmed.join(", ")}` : "";
  drawPeople();
  if (state.limbs) drawCurve();
  listPeople();
}

function watch(name) {
  camera = name;
  location.hash = encodeURIComponent(name);
  if (stream) stream.close();
  state = {}; source = null; lastMessage = Date.now(); ended = false; events = "";
  stream = new EventSource(`/api/cameras/${encodeURIComponent(name)}/stream`);
  stream.onmessage = (message) => show(JSON.parse(message.data));
  draw();
}

// ---------------------------------------------------------------- cameras and alarms

function listCameras(cameras) {
  if (!cameras.some((one) => one.name === camera) && cameras.length) watch(cameras[0].name);
  element("cameras").replaceChildren(...cameras.map((one) => {
    const alarms = one.active_alarms.length;
    const button = make("button", `${one.name}${alarms ? ` · ${alarms} ALARM` : one.state === "watching" ? "" : ` · ${one.state}`}`);
    button.className = alarms ? "alarm" : one.state;
    button.title = one.state === "lost" ? `no sign of life since ${one.since}` : one.errors.join("; ");
    button.setAttribute("aria-pressed", one.name === camera);
    button.onclick = () => { watch(one.name); poll(); };
    return button;
  }));
  element("cameras").hidden = cameras.length < 2;
}

async function review(alarm, verdict, note) {
  try {
    await getJson(`/api/cameras/${encodeURIComponent(alarm.camera)}/alarms/${encodeURIComponent(alarm.id)}/review`, {
      method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ verdict, note }),
    });
  } catch (error) { window.alert(`not stored: ${error.message}`); }
  events = "";
  poll();
}

function alarmItem(alarm) {
  const item = make("li"), active = alarm.state === "raised";
  item.className = active && !ended ? "active" : "";
  const when = alarm.clock ? new Date(alarm.clock).toLocaleString() : `${alarm.source}, ${alarm.start.toFixed(1)} s`;
  const lasted = active ? "not over" : `${(alarm.end - alarm.start).toFixed(1)} s`;
  item.append(make("b", when), make("p", `person ${alarm.person} · ${lasted} · ${alarm.zone ? `zone ${alarm.zone}` : `peak ${alarm.peak.toPrecision(3)} · ${alarm.joints.join(", ").replaceAll("_", " ")}`}`));
  const base = `/api/cameras/${encodeURIComponent(alarm.camera)}/alarms/${encodeURIComponent(alarm.id)}`;
  if (alarm.evidence.includes("film")) {
    item.append(make("video", "", { controls: true, preload: "none", muted: true, src: `${base}/film`, poster: alarm.evidence.includes("still") ? `${base}/still` : "" }));
  } else if (alarm.evidence.includes("still")) item.append(make("img", "", { src: `${base}/still`, alt: "the moment of the alarm" }));
  const buttons = make("div");
  const note = make("input", "", { value: alarm.note, placeholder: "note", maxLength: 2000, ariaLabel: "note" });
  for (const verdict of VERDICTS) {
    const button = make("button", verdict, { className: verdict });
    button.setAttribute("aria-pressed", alarm.verdict === verdict);
    button.onclick = () => review(alarm, verdict, note.value);
    buttons.append(button);
  }
  note.onchange = () => { if (alarm.verdict) review(alarm, alarm.verdict, note.value); };
  buttons.append(note);
  item.append(buttons);
  return item;
}

function listEvents(alarms) {
  const text = JSON.stringify([alarms, ended]);
  if (text === events || element("events").contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
  events = text;
  element("events").replaceChildren(...(alarms.length ? alarms.map(alarmItem) : [make("li", "none so far")]));
}

async function poll() {
  try {
    listCameras(await getJson("/api/cameras"));
    const verdict = element("filter").value;
    listEvents(await getJson(`/api/events?limit=100${camera ? `&camera=${encodeURIComponent(camera)}` : ""}${verdict ? `&verdict=${verdict}` : ""}`));
  } catch (error) { /* the server is gone: draw() says since when */ }
}

element("filter").onchange = () => { events = ""; poll(); };
setInterval(poll, POLL_MS);
setInterval(draw, 1000);
window.addEventListener("load", poll);
