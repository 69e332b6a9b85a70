// The stages of a rollout as bars: how many of each stage's devices are done.

import { h, number } from "./dom.js";

/** `rollout` has stage (from 1), state and stages [{stage, devices, committed, failed}]. */
export function progress(rollout) {
  return h("div", { class: "stages" }, rollout.stages.map(({ stage, devices, committed, failed }) => {
    const done = rollout.state === "done" || (stage < rollout.stage && rollout.state !== "aborted");
    const kind = failed || rollout.state === "aborted" ? "failed" : done ? "done" : "";
    const now = rollout.state === "running" && stage === rollout.stage;
    const name = stage === 1 && rollout.stages.length > 1 ? "Canary" : `Stage ${stage}`;
    return h("div", { class: `stage ${kind}`, grow: Math.max(1, Math.sqrt(devices)) },
      h("div", { class: "track" }, h("div", { class: "fill", "width%": devices ? (100 * committed) / devices : 0 })),
      h("div", { class: "name" }, name, now && h("span", { class: "soft" }, " · now")),
      h("div", { class: "note" }, `${number(committed)} of ${number(devices)}`, failed ? `, ${number(failed)} failed` : ""));
  }));
}
