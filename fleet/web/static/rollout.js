// One rollout: its stages, what its gates say, every device, and the buttons that steer it.

import { action, get, poll } from "./api.js";
import { ago, canary, h, number, pill, put, shares, short, tone } from "./dom.js";
import { progress } from "./stages.js";

const id = encodeURIComponent(document.body.dataset.subject);
const MANY = 120;

const buttons = (rollout) => [
  rollout.state === "running" && action("Pause", `/rollouts/${id}/pause`, { after: load }),
  rollout.state === "paused" && action("Resume", `/rollouts/${id}/resume`, { kind: "primary", after: load }),
  rollout.state === "running" && rollout.stage < rollout.stages.length
    && action("Promote", `/rollouts/${id}/promote`, { after: load, confirm: "Go on to the next stage without waiting for its gates?" }),
  rollout.state !== "aborted" && action("Abort", `/rollouts/${id}/abort`, { kind: "danger", after: load, confirm: "Abort, and bring every updated device back to what it ran before?" }),
];

const gate = ([name, said]) => h("li", null,
  h("div", { class: "row" }, h("span", { class: "title" }, name), pill(said.verdict), said.n ? h("span", { class: "push small soft" }, `n ${number(said.n)}`) : null),
  h("p", { class: "small soft" }, said.reason));

const gates = (found) => {
  const rows = Object.entries(found).filter(([, said]) => said && said.verdict);
  return rows.length ? h("ul", { class: "items" }, rows.map(gate)) : h("p", { class: "empty" }, "No gate has judged yet.");
};

const cell = (device) => h("a", {
  class: `cell ${tone(device.status)}`, href: `/devices/${device.device}`,
  title: `${device.device}: ${device.status.replaceAll("_", " ")}${device.reason ? `: ${device.reason}` : ""}`,
}, h("b", null, device.device), device.status.replaceAll("_", " "));

const cells = (devices, stages) => stages.map(({ stage }) => {
  const own = devices.filter((device) => device.stage === stage);
  return own.length ? h("div", { class: "stack" },
    h("p", { class: "small soft" }, stage === 1 && stages.length > 1 ? "Canary" : `Stage ${stage}`),
    h("div", { class: devices.length > MANY ? "cells many" : "cells" }, own.map(cell))) : null;
});

async function load() {
  const rollout = await get(`/rollouts/${id}`);
  put("title", `${rollout.model} ${rollout.version}`);
  put("sub", pill(rollout.state), ` rollout ${rollout.id} · ${rollout.strategy} · bundle ${short(rollout.bundle)} · started ${ago(rollout.created_ms)}${rollout.created_by ? ` by ${rollout.created_by}` : ""}`);
  put("actions", buttons(rollout));
  put("stages", progress(rollout), rollout.reason && h("p", { class: "small soft" }, rollout.reason));
  put("proof", rollout.can_prove?.text || "");
  put("parts", canary(rollout.parts));
  put("gates", gates(rollout.gates));
  put("shares", shares(rollout.counts));
  put("cells", h("div", { class: "stack" }, cells(rollout.devices, rollout.stages)));
}

poll(load);
