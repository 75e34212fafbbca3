"use strict";
// Draws the zones of the camera over its picture, and edits them: a click adds a corner.
const ZONE_COLOURS = { forbidden: "#e5484d", required: "#46a758", watched: "#3e9bf0" };
let zones = [], corners = null, still = null, zoneCamera = null;

const zonesPath = () => `/api/cameras/${encodeURIComponent(camera)}/zones`;

function drawZones(pen, width, height) {
  if (corners && still) pen.drawImage(still, 0, 0, width, height);
  for (const { name, kind, polygon } of [...zones, ...(corners ? [{ name: "", kind: element("zone-kind").value, polygon: corners }] : [])]) {
    if (!polygon.length) continue;
    pen.strokeStyle = pen.fillStyle = ZONE_COLOURS[kind];
    pen.lineWidth = Math.max(2, width / 320);
    pen.beginPath();
    polygon.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](x * width, y * height));
    pen.closePath(); pen.stroke();
    pen.globalAlpha = 0.15; pen.fill(); pen.globalAlpha = 1;
    pen.font = `${Math.round(width / 40)}px system-ui`;
    pen.fillText(name, polygon[0][0] * width + 4, polygon[0][1] * height + width / 40);
  }
}

function listZones() {
  element("zones").replaceChildren(...zones.map((zone) => {
    const item = make("li", `${zone.name}: ${zone.kind}, ${zone.seconds} s `);
    const remove = make("button", "remove");
    remove.onclick = () => { zones = zones.filter((one) => one !== zone); listZones(); draw(); };
    item.append(remove);
    return item;
  }));
}

async function loadZones() {
  zoneCamera = camera;
  try { zones = (await getJson(zonesPath())).zones; element("zone-error").textContent = ""; }
  catch (error) { zones = []; element("zone-error").textContent = error.message; }
  listZones();
  draw();
}

function editZones(open) {
  corners = open ? [] : null;
  element("zone-editor").hidden = !open;
  element("edit-zones").setAttribute("aria-pressed", open);
  still = null;
  if (!open) { loadZones(); return; }
  const image = new Image();
  image.onload = () => { still = image; draw(); };
  image.src = `/api/cameras/${encodeURIComponent(camera)}/still?${Date.now()}`;
}

element("camera").onclick = (event) => {
  if (!corners) return;
  const canvas = event.target, box = canvas.getBoundingClientRect();
  const scale = Math.min(box.width / canvas.width, box.height / canvas.height);  // the picture is contained in the box
  const x = (event.clientX - box.left - (box.width - canvas.width * scale) / 2) / (canvas.width * scale);
  const y = (event.clientY - box.top - (box.height - canvas.height * scale) / 2) / (canvas.height * scale);
  corners.push([x, y].map((share) => Number(Math.min(1, Math.max(0, share)).toFixed(4))));
  draw();
};
element("edit-zones").onclick = () => editZones(!corners);
element("zone-undo").onclick = () => { corners.pop(); draw(); };
element("zone-save").onclick = async () => {
  const drawn = { name: element("zone-name").value, kind: element("zone-kind").value, seconds: Number(element("zone-seconds").value), polygon: corners };
  const all = corners.length ? [...zones, drawn] : zones;
  try {
    await getJson(zonesPath(), { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ zones: all }) });
    element("zone-name").value = "";
    editZones(false);
  } catch (error) { element("zone-error").textContent = error.message; }
};
setInterval(() => { if (camera && camera !== zoneCamera) { corners = null; editZones(false); } }, 500);
