// One device: what it runs, what it has inspected, what happened last.

import { get, poll } from "./api.js";
import { ago, canary, h, number, percent, pill, put, shares, short, when } from "./dom.js";
import { eventList } from "./events.js";

const id = encodeURIComponent(document.body.dataset.subject);
const tile = (name, value, note) => h("div", { class: "tile" }, h("div", { class: "name" }, name), h("div", { class: "value" }, value), h("div", { class: "note" }, note));
const facts = (rows) => h("dl", { class: "facts" }, Object.entries(rows).filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

const asked = ({ audit, caution }) => [
  audit > 0 && `audit ${(100 * audit).toFixed(0)} % of the parts`, caution && `let people decide: ${caution.reason}${caution.ticket ? ` (${caution.ticket})` : ""}`,
].filter(Boolean).join("; ");

function inspection(counters) {
  const reasons = Object.entries(counters).filter(([name, count]) => name.startsWith("reason.") && count);
  return [
    shares({ accepted: counters["final.accept"] || 0, rejected: counters["final.reject"] || 0 }),
    reasons.length > 0 && h("div", { class: "legend" }, reasons.sort((a, b) => b[1] - a[1]).map(([name, count]) => h("span", null, h("b", null, number(count)), ` by ${name.slice(7)}`))),
  ];
}

poll(async () => {
  const [device, told, summary] = await Promise.all([get(`/devices/${id}`), get(`/summary/devices/${id}/events`), get("/summary")]);
  const names = Object.fromEntries(summary.models.map((model) => [model.bundle, `${model.name} ${model.version}`]));
  const counters = device.counters, gauges = device.health?.gauges || {};
  const decided = (counters["final.accept"] || 0) + (counters["final.reject"] || 0);
  put("sub", pill(device.status), " ", `${device.site} · ${device.line} · ${device.device_class}`);
  put("tiles",
    tile("Parts", number(counters.parts || 0), `${number(counters.reviewed || 0)} decided by people`),
    tile("Yield", percent(counters["final.accept"] || 0, decided), "accepted of all decided"),
    tile("Latency", gauges.latency_p50_ms ? `${gauges.latency_p50_ms.toFixed(1)} ms` : "–", gauges.latency_p95_ms ? `95 %: ${gauges.latency_p95_ms.toFixed(1)} ms` : "median"),
    tile("Not sent yet", number((gauges["outbox.event"] || 0) + (gauges["outbox.window"] || 0)), "facts that wait on the device"));
  put("software", facts({
    State: device.state ? pill(device.state) : "–", Runs: device.running ? `${names[device.running] || ""} (${short(device.running)})` : "nothing yet",
    Wanted: device.desired ? `${device.desired.name} ${device.desired.version}` : null, Reason: device.reported?.reason,
    Automation: device.reported?.automation, Asked: asked(device.asked), Ready: device.ready ? "yes" : "no", "Last seen": ago(device.last_seen_ms), Enrolled: when(device.enrolled_ms),
    Versions: Object.entries(device.reported?.versions || {}).map(([name, value]) => `${name} ${value}`).join(", "),
  }));
  put("inspection", inspection(counters), canary(device.parts));
  put("events", eventList(told.events));
});
