// All devices, to be searched and narrowed down.

import { get, poll } from "./api.js";
import { ago, h, number, pill, put, short } from "./dom.js";

const LIMIT = 300;
const field = (id) => document.getElementById(id);
let devices = [], names = {};

const version = (device) => names[device.running] || (device.running ? short(device.running) : "–");

function wanted(device) {
  const text = [device.id, device.site, device.line, device.device_class, version(device), device.status, device.state].join(" ").toLowerCase();
  const states = [device.status, (device.state || "").toLowerCase()];
  return text.includes(field("search").value.trim().toLowerCase()) && (!field("site").value || device.site === field("site").value)
    && (!field("state").value || states.includes(field("state").value));
}

const row = (device) => h("tr", null,
  h("td", null, h("a", { href: `/devices/${device.id}` }, h("b", null, device.id))), h("td", null, pill(device.status)),
  h("td", null, device.state ? pill(device.state) : "–"), h("td", null, device.site), h("td", { class: "hide-small" }, device.line), h("td", { class: "hide-small" }, device.device_class),
  h("td", null, version(device)), h("td", { class: "soft" }, ago(device.last_seen_ms)));

function show() {
  const found = devices.filter(wanted);
  put("sub", `${number(found.length)} of ${number(devices.length)}`);
  put("list", found.length
    ? h("div", { class: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ["Device", "Connection", "Update", "Site", "Line", "Class", "Model", "Last seen"].map((name) => h("th", { class: ["Line", "Class"].includes(name) ? "hide-small" : null }, name)))),
      h("tbody", null, found.slice(0, LIMIT).map(row))),
    found.length > LIMIT && h("p", { class: "empty" }, `The first ${LIMIT}; search to see others.`))
    : h("p", { class: "empty" }, devices.length ? "No device fits." : "No device yet. Enrol one with fleet enrol."));
}

function choices(id, first, values) {
  const select = field(id), chosen = select.value;
  put(id, h("option", { value: "" }, first), [...new Set(values)].sort().map((value) => h("option", { value }, value.replaceAll("_", " "))));
  select.value = chosen;
}

poll(async () => {
  const [list, summary] = await Promise.all([get("/devices"), get("/summary")]);
  devices = list.devices;
  names = Object.fromEntries(summary.models.map((model) => [model.bundle, `${model.name} ${model.version}`]));
  choices("site", "All sites", devices.map((device) => device.site));
  choices("state", "All states", devices.flatMap((device) => [device.status, device.state?.toLowerCase()]).filter(Boolean));
  show();
}, 3000);
for (const id of ["search", "site", "state"]) field(id).addEventListener("input", show);
