// All rollouts.

import { get, poll } from "./api.js";
import { ago, h, number, pill, put } from "./dom.js";
import { progress } from "./stages.js";

const total = (rollout) => rollout.stages.reduce((sum, stage) => sum + stage.devices, 0);

const item = (rollout) => h("li", { class: "stack" },
  h("div", { class: "row" }, h("a", { class: "title", href: `/rollouts/${rollout.id}` }, `${rollout.model} ${rollout.version}`), pill(rollout.state),
    h("span", { class: "soft small" }, `${rollout.id} · ${rollout.strategy} · ${number(total(rollout))} devices`), h("span", { class: "push small soft" }, ago(rollout.created_ms))),
  progress(rollout), rollout.reason && h("p", { class: "small soft" }, rollout.reason));

poll(async () => {
  const { rollouts } = await get("/rollouts");
  put("sub", `${rollouts.length} in all`);
  put("list", rollouts.length ? h("ul", { class: "items" }, rollouts.map(item))
    : h("p", { class: "empty" }, "No rollout yet. Start one with ", h("code", null, "fleet rollout --canary 5%"), "."));
});
