// The start page: how the fleet is doing, from one answer of /api/v1/summary every two seconds.

import { action, get, poll } from "./api.js";
import { ago, clock, h, number, percent, pill, put, shares, short, when } from "./dom.js";
import { eventList } from "./events.js";
import { progress } from "./stages.js";

const tile = (name, value, note, kind) =>
  h("div", { class: `tile ${kind || ""}` }, h("div", { class: "name" }, name), h("div", { class: "value" }, value), h("div", { class: "note" }, note));

function tiles({ devices, parts, findings, tickets }) {
  const away = devices.total - devices.online;
  const decided = parts.accept + parts.reject;
  const waiting = tickets.filter((ticket) => ticket.state === "open").length;
  return [
    tile("Devices online", [number(devices.online), h("small", null, ` / ${number(devices.total)}`)], away ? `${number(away)} not connected` : "all connected", away && devices.total ? "warn" : ""),
    tile("Parts inspected", number(parts.inspected), `${number(parts.reject)} rejected`),
    tile("Yield", percent(parts.accept, decided), "accepted of all decided"),
    tile("Review share", percent(parts.reviewed + parts.review_open, parts.inspected), parts.review_open ? `${number(parts.review_open)} wait for a person` : `${number(parts.reviewed)} decided by people`),
    tile("Findings", number(findings.length), findings.length ? "production has moved" : "production looks like training", findings.length ? "warn" : ""),
    tile("Tickets", number(tickets.length), waiting ? `${waiting} wait for a decision` : "nothing waits", waiting ? "warn" : ""),
  ];
}

function rolloutPanel(rollouts) {
  if (!rollouts.length) return h("p", { class: "empty" }, "No rollout yet. Start one with ", h("code", null, "fleet rollout --canary 5%"), ".");
  return rollouts.slice(0, 2).map((rollout) => h("div", { class: "stack" },
    h("div", { class: "row" }, h("a", { href: `/rollouts/${rollout.id}` }, h("b", null, `${rollout.model} ${rollout.version}`)), pill(rollout.state),
      h("span", { class: "push small soft" }, `started ${ago(rollout.created_ms)}`)),
    progress(rollout), shares(rollout.counts), rollout.reason && h("p", { class: "small soft" }, rollout.reason)));
}

const subject = ({ subject: name, device }) => (device
  ? h("a", { class: "title", href: `/devices/${encodeURIComponent(device)}` }, name) : h("span", { class: "title" }, name));

// The clock's time, not "5 s ago": a row that stays as it is keeps the focus on its button while the page follows the fleet.
const alertRow = (alert) => h("li", null,
  h("div", { class: "row" }, subject(alert), pill(alert.kind),
    h("span", { class: "push small soft", title: `first ${when(alert.first_ms)}` }, `${alert.times > 1 ? `${number(alert.times)} times · ` : ""}${when(alert.last_ms)}`),
    action("Close", `/alerts/${alert.id}/close`, { after: load })),
  h("p", { class: "small soft" }, alert.text));

const alertList = (alerts, open) => alerts.length > 0 && [
  h("ul", { class: "items" }, alerts.map(alertRow)),
  open > alerts.length && h("p", { class: "small soft" }, `The latest ${number(alerts.length)} of ${number(open)} alerts; all are listed by `, h("code", null, "fleet alerts"), "."),
];

function attention({ alerts, findings, tickets }) {
  const rows = [
    ...tickets.map((ticket) => h("li", null,
      h("div", { class: "row" }, h("a", { class: "title", href: `/tickets/${ticket.id}` }, `Ticket ${ticket.id}: ${ticket.cause}`), pill(ticket.state), h("span", { class: "push small soft" }, ago(ticket.created_ms))),
      h("p", { class: "small soft" }, `${ticket.text} · ${ticket.sites.join(", ")}`))),
    ...findings.map((finding) => h("li", null,
      h("div", { class: "row" }, h("a", { class: "title", href: `/drift#${finding.id}` }, `${finding.site}: ${finding.cause}`), pill(finding.state), h("span", { class: "push small soft" }, `since ${clock(finding.first_ms)}`)),
      h("p", { class: "small soft" }, `${finding.text} · ${number(finding.parts)} parts`))),
  ];
  if (rows.length) return h("ul", { class: "items" }, rows);
  return alerts.length ? null : h("p", { class: "empty" }, "Nothing needs a person right now.");
}

const models = (rows, byBundle) => rows.length
  ? h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, ["Model", "Version", "Release", "Bundle", "Published", "Devices"].map((name) => h("th", { class: name === "Devices" || name === "Release" ? "num" : null }, name)))),
    h("tbody", null, rows.map((model) => h("tr", null, h("td", null, h("b", null, model.name)), h("td", null, model.version), h("td", { class: "num" }, model.release),
      h("td", { class: "mono" }, short(model.bundle)), h("td", { class: "soft" }, ago(model.published_ms)), h("td", { class: "num" }, number(byBundle[model.bundle] || 0)))))))
  : h("p", { class: "empty" }, "No model yet. Publish one with ", h("code", null, "fleet publish BUNDLE"), ".");

async function load() {
  const summary = await get("/summary");
  put("tiles", tiles(summary));
  put("rollout", rolloutPanel(summary.rollouts));
  put("states", shares(summary.devices.by_state));
  put("alerts", alertList(summary.alerts, summary.alerts_open));
  put("attention", attention(summary));
  put("events", eventList(summary.events.slice(0, 8)));
  put("models", models(summary.models, summary.devices.by_bundle));
}

poll(load);
