// While nobody is needed at once: how many parts of the audit wait for an answer, and the way to them.

import { get } from "./api.js";
import { $ } from "./dom.js";
import { t } from "./words.js";

const EVERY_MS = 20000;

let looked = -Infinity;

export async function look(now) {
  if (now - looked < EVERY_MS) return;
  looked = now;
  const count = (await get("/api/audits").catch(() => [])).length;
  const link = $("to-audits");
  link.hidden = !count;
  link.href = `/audit?lang=${document.documentElement.lang}`;
  link.textContent = t(count === 1 ? "audits_one" : "audits_wait", { count });
}

export const again = () => (looked = -Infinity);
