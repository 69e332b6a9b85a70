// Findings: where production has moved away from training, how far, and since when.

import { get, poll } from "./api.js";
import { chartKey, histogram, timeline } from "./charts.js";
import { ago, h, number, pill, put, when } from "./dom.js";

const tile = (name, value, note) => h("div", { class: "tile" }, h("div", { class: "name" }, name), h("div", { class: "value" }, value), h("div", { class: "note" }, note));

function tiles({ findings, streams, windows, budget }) {
  const open = findings.filter((finding) => finding.state === "open").length;
  const waiting = windows.insufficient || 0;
  return [
    tile("Open findings", number(open), `${number(findings.length - open)} ended or late`),
    tile("Watched streams", number(streams), "devices and sites"),
    tile("Windows tested", number(windows.tested || 0), `${number(waiting)} joined to larger ones`),
    tile("False alarms allowed", number(budget.alarms), `in the whole fleet per ${number(budget.horizon)} windows`),
  ];
}

const row = (finding) => h("tr", null,
  h("td", null, h("a", { href: `#${finding.id}` }, h("b", null, finding.site))), h("td", null, pill(finding.state)), h("td", null, finding.cause), h("td", { class: "hide-small" }, finding.text),
  h("td", null, `${finding.model} ${finding.version}`), h("td", { class: "num" }, number(finding.parts)), h("td", { class: "soft" }, ago(finding.last_ms)),
  h("td", null, finding.ticket ? h("a", { href: `/tickets/${finding.ticket}` }, finding.ticket) : "–"));

const table = (findings) => findings.length
  ? h("div", { class: "scroll" }, h("table", null,
    h("thead", null, h("tr", null, ["Site", "State", "Cause", "What", "Model", "Parts", "Last", "Ticket"].map((name) => h("th", { class: name === "Parts" ? "num" : name === "What" ? "hide-small" : null }, name)))),
    h("tbody", null, findings.map(row))))
  : h("p", { class: "empty" }, "Production looks like training everywhere.");

async function detail(findings) {
  const wanted = Number(location.hash.slice(1)) || findings.find((finding) => finding.state === "open")?.id || findings[0]?.id;
  const panel = document.getElementById("detail-panel");
  panel.hidden = !wanted;
  if (!wanted) return;
  const finding = await get(`/drift/${wanted}`);
  put("detail-title", `${finding.site}: ${finding.cause}`);
  put("detail",
    h("p", null, finding.text),
    h("p", { class: "small soft" }, `${when(finding.first_ms)} to ${when(finding.last_ms)} · ${number(finding.windows)} windows, ${number(finding.parts)} parts · devices ${finding.devices.join(", ") || "all together"}`),
    chartKey(),
    h("div", { class: "charts" }, finding.charts.map(histogram)),
    finding.time_line.length > 1 && [h("h2", null, "Evidence over time"), timeline(finding.time_line, finding.threshold)]);
}

const refresh = poll(async () => {
  const found = await get("/drift");
  put("tiles", tiles(found));
  put("list", table(found.findings));
  await detail(found.findings);
});
addEventListener("hashchange", refresh);
