// The stages of a rollout as bars: how many of each stage's devices are done.

import { h, number } from "./dom.js";

const DONE = ["committed"];
const FAILED = ["failed", "rejected", "rolled_back", "timed_out", "reverted"];

/** `rollout` has stage (from 0), state, stages {names, sizes} and counts (state → devices). */
export function progress(rollout) {
  const sizes = rollout.stages.sizes || [];
  const count = (states) => states.reduce((sum, state) => sum + (rollout.counts[state] || 0), 0);
  let done = count(DONE);
  const failed = count(FAILED);
  return h("div", { class: "stages" }, sizes.map((end, index) => {
    const own = end - (index ? sizes[index - 1] : 0);
    const here = Math.min(own, done);
    done -= here;
    const finished = rollout.state === "done" || index < rollout.stage;
    const kind = rollout.state === "aborted" || (failed && index === rollout.stage) ? "failed" : finished ? "done" : "";
    const name = index === 0 && sizes.length > 1 ? "Canary" : `Stage ${index + 1}`;
    return h("div", { class: `stage ${kind}`, grow: Math.max(1, Math.sqrt(own)) },
      h("div", { class: "track" }, h("div", { class: "fill", "width%": own ? (100 * here) / own : 0 })),
      h("div", { class: "name" }, name), h("div", { class: "note" }, `${number(here)} of ${number(own)}`));
  }));
}
