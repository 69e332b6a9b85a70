// One ticket: why it opened, what a person decides, and the parts that the next model would learn from.

import { action, get, poll } from "./api.js";
import { chartKey, histogram } from "./charts.js";
import { ago, h, number, pill, put, when } from "./dom.js";

const id = document.body.dataset.subject;
const path = `/tickets/${id}`;
const ADVICE = {
  lighting: "The light has changed. Repair or readjust it, then dismiss this ticket. Approve only if the new light stays: then the next model learns it.",
  blur: "The pictures lost sharpness. Clean or refocus the lens, then dismiss this ticket. Approve only if it stays so.",
  data: "The parts themselves look new. Approve to train on the reviewed parts.",
  performance: "People overrule the model more often than they should. Approve to train on what they said.",
};

function buttons(ticket) {
  const open = ticket.state === "open";
  return [
    open && action("Approve", `${path}/approve`, { kind: "primary", after: load, confirm: ticket.needs_approval ? "Does the new light or lens stay as it is? Only then should a model learn it." : null }),
    ["open", "approved", "claimed"].includes(ticket.state) && action("Dismiss", `${path}/dismiss`, { kind: "danger", after: load, confirm: "Dismiss this ticket? Nothing will be trained for it." }),
  ];
}

const story = (ticket) => [
  h("div", { class: "row" }, pill(ticket.state), h("b", null, ticket.cause), h("span", { class: "soft small" }, ticket.sites.join(", "))),
  h("p", null, ticket.evidence.text), h("p", { class: "quote" }, ADVICE[ticket.cause] || ""),
];

const facts = (ticket) => h("dl", { class: "facts" }, Object.entries({
  Model: `${ticket.model} ${ticket.version}`, Mode: ticket.mode, Opened: when(ticket.created_ms), Changed: `${ago(ticket.changed_ms)} by ${ticket.changed_by || "–"}`,
  Devices: ticket.evidence.devices?.join(", ") || "–", Evidence: `${number(ticket.evidence.windows)} windows, ${number(ticket.evidence.parts)} parts`,
  Note: ticket.note, Result: ticket.result && `${ticket.result.model || ""} ${ticket.result.version || ""}`.trim(),
}).filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

const evidence = (ticket) => [chartKey(), ...(ticket.evidence.findings || []).map((finding) => h("div", { class: "stack" },
  h("div", { class: "row" }, h("b", null, finding.site), h("span", { class: "soft small" }, `${finding.text} · ${finding.devices.join(", ")}`)),
  h("div", { class: "charts" }, finding.charts.map(histogram))))];

const labels = (said) => [
  h("div", { class: "legend" }, h("span", null, h("b", null, number(said.parts)), " labelled parts"),
    Object.entries(said.counts).map(([name, count]) => h("span", null, h("b", null, number(count)), ` ${name}`)),
    Object.entries(said.left_out).map(([reason, count]) => h("span", null, h("b", null, number(count)), ` left out: ${reason}`))),
  h("div", { class: "thumbs" }, said.latest.slice(-24).reverse().map((part) => h("figure", null,
    h("img", { src: `/api/v1/images/${part.image}`, alt: `part ${part.part}`, loading: "lazy" }), h("figcaption", null, part.label)))),
];

async function load() {
  const [ticket, said] = await Promise.all([get(path), get(`${path}/labels`).catch((problem) => ({ problem: problem.message }))]);
  put("actions", buttons(ticket));
  put("story", story(ticket));
  put("facts", facts(ticket));
  put("evidence", evidence(ticket));
  put("labels", said.problem ? h("p", { class: "empty" }, said.problem) : labels(said));
}

poll(load);
