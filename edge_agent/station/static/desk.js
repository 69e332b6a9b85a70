// Deciding parts: what is in hand, the two big buttons, the reasons, undo.

import { Answers } from "./answers.js";
import { $, icon, make, setClass, setIcon, setText } from "./dom.js";
import * as picture from "./picture.js";
import { Queue } from "./queue.js";
import { endOf, iconOf, kindOf, nameOf, showCounts, showStrip, story } from "./strip.js";
import { has, label as words, language, nameLabels, number, t } from "./words.js";

const HASTE_MS = 350; // after a part left by itself, a press in flight must not hit its successor
const SHORT_SHARE = 0.33;
const TOAST_MS = 5000;

const queue = new Queue();
const answers = new Answers(queue, told);
let state = null;
let past = null; // a part from the strip that is looked at
let naming = false; // reasons are on the screen
let inHand = null;
let deafUntil = 0;
let toastTimer = 0;

const now = () => performance.now();

export function take(fresh) {
  state = fresh;
  nameLabels(fresh.station.names);
  for (const item of queue.take(fresh.queue, now())) toast(t("timed_out", { serial: endOf(item) }), true);
  if (past) past = fresh.recent.find((part) => part.part === past.part) ?? past;
  showCounts(fresh.counts);
  paint();
}

export function forget() {
  answers.forget();
  queue.items.clear();
  queue.current = null;
  past = null;
  naming = false;
}

export function repaint() {
  if (state) {
    showCounts(state.counts);
    paint();
  }
}

// ------------------------------------------------------------------------------------------------ what is shown

function paint() {
  const item = past ? null : queue.hold(now());
  if (item?.part !== inHand?.part) {
    if (inHand && !queue.handled.has(inHand.part) && !queue.items.has(inHand.part)) beDeaf();
    naming = false;
  }
  inHand = item;
  const idle = past ?? (item ? null : state.recent.find((part) => part.image) ?? state.recent[0] ?? null);
  picture.show(item ?? idle, paintChoice);
  picture.tone(item ? "" : "past");
  paintHead(item, idle);
  paintRail(item);
  paintOpinion(item, idle);
  paintChoice();
  showStrip(state.recent, past?.part, look);
  tick();
}

function paintHead(item, idle) {
  const part = item ?? idle;
  $("serial").textContent = part ? nameOf(part) : "";
  const open = queue.open(now());
  const place = open.findIndex((other) => other.part === item?.part) + 1;
  $("place-in-queue").textContent = item ? t("queue_place", { place, total: open.length }) : "";
  const stamp = $("stamp");
  const said = idle && kindOf(idle) === "review" && answers.holds(idle.part, now()); // decided here, and not yet final
  stamp.hidden = !idle || said;
  if (idle) {
    setClass(stamp, "stamp", `is-${kindOf(idle)}`);
    setIcon(stamp, iconOf(idle));
    setText(stamp, story(idle));
  }
}

function paintRail(item) {
  const open = queue.open(now());
  const room = innerWidth > 1100 ? 4 : 3;
  const shown = open.length > room ? room - 1 : open.length;
  const cells = open.length < 2 ? [] : open.slice(0, shown).map((other) => railCell(other, item));
  if (open.length > shown) cells.push(make("li", { className: "more", textContent: `+${open.length - shown}` }));
  $("rail").replaceChildren(...cells);
}

function railCell(other, item) {
  const image = other.image ? make("img", { src: `/api/images/${other.image}`, alt: "" }) : icon("review");
  image.addEventListener("error", () => image.replaceWith(icon("review")));
  const bar = make("i");
  bar.dataset.part = other.part;
  const button = make("button", { type: "button" }, image, bar);
  button.setAttribute("aria-label", nameOf(other));
  button.setAttribute("aria-current", String(other.part === item?.part));
  button.addEventListener("click", () => {
    past = null;
    queue.choose(other.part);
    paint();
  });
  return make("li", {}, button);
}

function paintOpinion(item, idle) {
  const box = $("opinion");
  const late = past && past.reason === "timeout";
  const part = item ?? (past ? idle : null);
  box.hidden = !part;
  $("calm").hidden = Boolean(item || past);
  if (!part) return;
  const blind = part.score === null;
  setClass(box, "opinion", blind ? "blind words" : late ? "words" : "");
  const [head, name, share] = [box.querySelector("small"), box.querySelector("b"), box.querySelector("span")];
  head.textContent = late ? t("label_only") : part.why ? t(`reason_${part.why}`) : blind && item ? t("blind") : t("looks_like");
  name.textContent = words(part.label) || "–";
  share.textContent = blind ? "" : t("defect_share", { percent: Math.round(part.score * 100) });
  box.querySelector(".meter i").style.transform = `scaleX(${part.score ?? 0})`;
}

function paintChoice() {
  const item = subject();
  $("choice").hidden = !item || naming;
  $("reasons").hidden = !item || !naming;
  const blocked = !item || !picture.isReady();
  const kinds = Math.min(9, state.station.labels.defects.length);
  $("reject-keys").textContent = kinds > 1 ? `R · 1–${kinds}` : "R";
  $("do-accept").disabled = $("do-reject").disabled = blocked;
  if (naming) paintReasons(item);
  const list = $("reasons").querySelector("ol");
  for (const button of list.querySelectorAll("button")) button.disabled = blocked;
}

function paintReasons(item) {
  const defects = state.station.labels.defects.slice(0, 9);
  const list = $("reasons").querySelector("ol");
  const mark = `${item.part}/${defects.join()}/${item.label}/${language()}`;
  if (list.dataset.mark === mark) return;
  list.dataset.mark = mark;
  list.className = defects.length > 5 ? "many" : "";
  list.replaceChildren(...defects.map((label, place) => reasonCell(label, place + 1, label === item.label)));
}

function reasonCell(label, digit, likely) {
  const button = make("button", { type: "button", className: likely ? "likely" : "" }, make("kbd", { textContent: digit }), make("span", { textContent: words(label) }));
  button.setAttribute("aria-keyshortcuts", String(digit));
  button.addEventListener("click", () => decide("reject", label));
  return make("li", {}, button);
}

// Ten times a second: bars, seconds, and what the clock ends.
export function tick() {
  if (!state) return;
  const at = now();
  const item = inHand;
  if (item && item.until <= at) {
    toast(t("timed_out", { serial: endOf(item) }), true);
    queue.answered(item.part);
    beDeaf();
    return paint();
  }
  const budget = $("budget");
  const left = item ? (item.until - at) / 1000 : 0;
  const share = item ? Math.min(1, left / item.budget_s) : 0;
  setClass(budget, "budget", item ? (share < SHORT_SHARE ? "short" : "") : "none");
  budget.querySelector("i").style.transform = `scaleX(${share})`;
  budget.querySelector("output").textContent = item ? t("seconds", { seconds: number(left, 1) }) : "";
  for (const bar of $("rail").querySelectorAll("i")) {
    const other = queue.items.get(Number(bar.dataset.part));
    const rest = other ? Math.max(0, (other.until - at) / 1000 / other.budget_s) : 0;
    bar.style.transform = `scaleX(${Math.min(1, rest)})`;
    bar.className = rest < SHORT_SHARE ? "short" : "";
  }
  paintUndo(at);
}

function paintUndo(at) {
  const pending = answers.pending(at);
  const over = pending ? null : answers.settled(at);
  const button = $("undo");
  button.disabled = !pending;
  const serial = endOf((pending ?? over)?.item ?? {});
  const text = pending ? t(`undo_${pending.verdict}`, { serial }) : over ? t("undo_over", { serial }) : t("undo_none");
  if (button.querySelector("span").textContent !== text) setText(button, text);
  const whole = pending ? pending.until - pending.started : 0;
  const rest = Number.isFinite(whole) && whole > 0 ? Math.max(0, (pending.until - at) / whole) : Number(Boolean(pending));
  button.querySelector("i").style.transform = `scaleX(${rest})`;
}

// ---------------------------------------------------------------------------------------------- what people do

// What an answer would be for: the part in hand, or a part whose time is over and that can still be labelled.
function subject() {
  return inHand ?? (past?.reason === "timeout" ? past : null);
}

function beDeaf() {
  deafUntil = now() + HASTE_MS;
}

const deaf = () => !past && now() < deafUntil;

function look(part) {
  const waits = queue.open(now()).some((item) => item.part === part.part);
  past = waits || past?.part === part.part ? null : part;
  if (waits) queue.choose(part.part);
  naming = false;
  paint();
}

export function accept() {
  decide("accept", state.station.labels.good);
}

export function reject() {
  if (!subject() || deaf()) return;
  const defects = state.station.labels.defects;
  if (defects.length < 2) return decide("reject", defects[0] ?? "");
  naming = true;
  paintChoice();
}

export function name(digit) {
  const label = state?.station.labels.defects[digit - 1];
  if (label) decide("reject", label);
}

export function confirmLikely() {
  const label = subject()?.label;
  if (naming && state.station.labels.defects.includes(label)) decide("reject", label);
}

export function back() {
  if (naming) naming = false;
  else past = null;
  paint();
}

export function step(by) {
  past = null;
  queue.step(by, now());
  paint();
}

export async function undo() {
  try {
    const decision = await answers.undo(now());
    if (!decision) return toast(t("undo_nothing"));
    past = null;
    if (state) paint();
  } catch (error) {
    toast(has(error.code) ? t(error.code) : t("failed", { why: error.message || t("lost") }), true);
  }
}

function decide(verdict, label) {
  const item = subject();
  if (!item || !picture.isReady() || deaf()) return;
  naming = false;
  if (item === past) {
    past = null;
    answers.send({ item, verdict, label, until: 0 });
  } else {
    answers.decide(item, verdict, label, now());
  }
  paint();
}

function told(decision, outcome, failure) {
  const serial = endOf(decision.item);
  if (!outcome) toast(t("failed", { why: failure?.message ?? t("lost") }), true);
  else if (outcome.outcome === "late") toast(t("late", { serial }), true);
  else if (outcome.outcome === "conflict") toast(t("conflict", { serial, name: outcome.decided_by }), true);
  if (state) paint();
}

export function toast(words, loud = false) {
  const box = $("toast");
  box.textContent = words;
  setClass(box, "toast", loud ? "loud" : "");
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), TOAST_MS);
}
