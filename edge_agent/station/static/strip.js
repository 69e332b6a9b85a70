// Below: counts and the parts that came by last, newest on the left.

import { $, icon, make } from "./dom.js";
import { has, label, number, t } from "./words.js";

const LONG = 14;
let newest = 0;

export function kindOf(part) {
  return part.final ?? (part.verdict === "review" ? "review" : "none");
}

export function iconOf(part) {
  if (part.reason === "timeout") return "timeout";
  return { accept: "accept", reject: "reject", review: "review", none: "waiting" }[kindOf(part)];
}

export const nameOf = (part) => part.serial || `#${part.part}`;

// The end of a long serial, where a sentence has to hold it.
export function endOf(part) {
  const name = nameOf(part);
  return name.length > LONG ? `…${name.slice(1 - LONG)}` : name;
}

// "Rejected · scratch – by Anna"
export function story(part) {
  const kind = kindOf(part);
  const verdict = t(`verdict_${kind}`) + (kind === "reject" && part.label && part.reason !== "timeout" ? ` · ${label(part.label)}` : "");
  const why = part.detail && has(`detail_${part.detail}`) ? `detail_${part.detail}` : `reason_${part.reason}`;
  return part.reason && part.final ? `${verdict} – ${t(why, { name: part.operator })}` : verdict;
}

export function showCounts(counts) {
  const percent = (share) => (share === null ? "–" : `${number(share * 100, share > 0.995 || share < 0.005 ? 0 : 1)} %`);
  $("parts").textContent = number(counts.parts);
  $("yield").textContent = percent(counts.yield);
  $("review-share").textContent = percent(counts.review_share);
  for (const [id, key] of [["yield", "yield"], ["review-share", "review_share"]]) {
    $(id).parentElement.querySelector("dt").textContent = t(key, { over: counts.over });
  }
}

export function showStrip(recent, chosen, onChoose) {
  const cells = recent.map((part) => {
    const button = make(
      "button",
      { type: "button", className: `is-${kindOf(part)}${newest && part.part > newest ? " new" : ""}`, title: story(part) },
      icon(iconOf(part)),
      make("small", { textContent: nameOf(part) }),
    );
    button.setAttribute("aria-label", `${nameOf(part)}: ${story(part)}`);
    button.setAttribute("aria-pressed", String(part.part === chosen));
    button.addEventListener("click", () => onChoose(part));
    return make("li", {}, button);
  });
  newest = Math.max(newest, ...recent.map((part) => part.part));
  $("strip").replaceChildren(...cells);
}
