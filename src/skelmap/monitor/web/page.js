"use strict";
// Draws the states of /stream: skeletons, the score of the last 30 seconds, alarms. Text is set as text, never as HTML.
const SECONDS = 30;
const INK = "#e8e8e8", ALARM = "#e5484d", AMBER = "#f5b83d";
const element = (id) => document.getElementById(id);
const STALE_MS = 2000;  // people of an older frame may have left
let curve = [], low = Infinity, high = -Infinity, source = null, lastTime = null, lastChange = 0;

function drawPeople(state) {
  const canvas = element("camera"), pen = canvas.getContext("2d");
  const [width, height] = state.size || [640, 480];
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  pen.clearRect(0, 0, width, height);
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
    pen.fillText(String(person.person), Math.min(...detected.map((j) => j[0])), Math.min(...detected.map((j) => j[1])) - 8);
  }
}

function drawCurve(state) {
  const canvas = element("curve"), pen = canvas.getContext("2d"), { width, height } = canvas;
  const now = state.time || 0;
  if (state.curve) curve = state.curve;
  if (state.score != null && (!curve.length || curve[curve.length - 1][0] < now)) curve.push([now, state.score]);
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
  pen.fillText("threshold", 6, level > 16 ? level - 4 : level + 14);
  pen.strokeStyle = (state.people || []).some((one) => one.alarm) ? ALARM : INK; pen.lineWidth = 2;
  pen.beginPath();
  curve.forEach(([time, score], i) => {
    const near = i && time - curve[i - 1][0] < 1;  // longer gaps stay empty
    pen[near ? "lineTo" : "moveTo"](x(time), y(score));
  });
  pen.stroke();
}

function listEvents(state) {
  if (!state.events) return;
  const merged = new Map();  // an alarm has an event when it is raised and another when it ends; the newest comes first
  for (const event of state.events) {
    const key = `${event.source} ${event.person} ${event.start}`;
    if (!merged.has(key)) merged.set(key, event);
  }
  element("events").replaceChildren(...[...merged.values()].map((event) => {
    const row = document.createElement("tr");
    const lasts = event.state === "raised";
    if (lasts) row.className = "lasts";
    const when = event.clock ? new Date(event.clock).toLocaleTimeString() : `${event.start.toFixed(1)} s`;
    const length = lasts ? "now" : `${(event.end - event.start).toFixed(1)} s`;
    for (const text of [when, event.person, length, event.peak.toPrecision(3), event.joints.join(", ").replaceAll("_", " ")]) {
      const cell = document.createElement("td");
      cell.textContent = String(text);
      row.append(cell);
    }
    return row;
  }));
}

function show(state) {
  if (state.source !== source) { source = state.source; curve = []; low = Infinity; high = -Infinity; }
  element("source").textContent = state.source || "";
  element("about").textContent = (state.about || []).join(" · ");
  element("clock").textContent = state.time == null ? "" : `${state.time.toFixed(1)} s · ${state.latency_ms ?? "–"} ms a frame`;
  if (state.time !== lastTime) { lastTime = state.time; lastChange = performance.now(); }
  if (performance.now() - lastChange > STALE_MS) state = { ...state, people: [], score: null };
  element("status").textContent = (state.errors || []).join(" · ") || (state.time == null ? "waiting for a frame" : "");
  const alarmed = (state.people || []).filter((one) => one.alarm).map((one) => one.person);
  element("banner").hidden = !alarmed.length;
  element("banner").textContent = alarmed.length ? `ALARM: person ${alarmed.join(", ")}` : "";
  if (state.limbs) { drawPeople(state); drawCurve(state); }
  listEvents(state);
}

const stream = new EventSource("/stream");
stream.onmessage = (message) => show(JSON.parse(message.data));
stream.onerror = () => { element("status").textContent = "the monitor cannot be reached; trying again"; };
