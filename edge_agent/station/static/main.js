// The operator page: wiring.

import * as audits from "./audits.js";
import { get, post, setToken } from "./api.js";
import * as desk from "./desk.js";
import { $, setText } from "./dom.js";
import * as login from "./login.js";
import * as picture from "./picture.js";
import { showStation } from "./status.js";
import { choose, nextLanguage, preferred, speak, t } from "./words.js";

const SILENCE_MS = 5000;

let stream = null;
let heard = 0;
let last = null;

// Pages that sent somebody here to log in; nothing else that stands in the address is followed.
const BACK_TO = Object.fromEntries(
  ["report", "search", "try", "camera", "automation", "challenge", "audit", "recipe"].map((page) => [page, `/${page}`]),
);

function enter(who) {
  const next = BACK_TO[new URLSearchParams(location.search).get("next")];
  if (next) return location.replace(`${next}?lang=${document.documentElement.lang}`);
  setToken(who.csrf);
  $("who").textContent = who.name;
  document.body.classList.remove("outside");
  $("desk").hidden = false;
  listen();
}

function listen() {
  stream?.close();
  heard = performance.now();
  stream = new EventSource("/api/live");
  stream.addEventListener("state", (event) => {
    hear();
    last = JSON.parse(event.data);
    showStation(last.station);
    desk.take(last);
  });
  stream.addEventListener("beat", hear);
  stream.addEventListener("trouble", (event) => {
    hear();
    desk.toast(JSON.parse(event.data).words, true);
  });
  stream.addEventListener("login", () => leave(t("logged_out")));
  stream.onerror = () => stream?.readyState === EventSource.CLOSED && setTimeout(returning, 1000);
}

function hear() {
  heard = performance.now();
  $("lost").hidden = true;
}

// After a lost connection: still logged in, or not any more?
async function returning() {
  try {
    const who = await get("/api/me");
    if (who.name) enter(who);
    else leave(t("logged_out"));
  } catch {
    setTimeout(returning, 1000);
  }
}

function leave(words = "") {
  stream?.close();
  stream = null;
  desk.forget();
  login.ask(words);
}

async function logOut() {
  desk.forget();
  try {
    await post("/api/logout", {});
  } catch (error) {
    desk.toast(t("failed", { why: error.message }), true);
    return;
  }
  leave();
}

function watch() {
  desk.tick();
  if (stream && !$("calm").hidden) audits.look(performance.now());
  if (stream && performance.now() - heard > SILENCE_MS) $("lost").hidden = false;
}

const KEYS = {
  a: desk.accept, r: desk.reject, u: desk.undo, Enter: desk.confirmLikely, Escape: desk.back,
  z: () => picture.toggleZoom(), ArrowLeft: () => desk.step(-1), ArrowRight: () => desk.step(1),
};

function onKey(event) {
  if (!stream || !$("lost").hidden || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "h") picture.heatDown(performance.now());
  else if (/^[1-9]$/.test(key)) desk.name(Number(key));
  else if (key === "Enter" && event.target.closest("button")) return;
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
}

function paintTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}

async function changeLanguage(next) {
  await speak(next);
  $("language").textContent = nextLanguage().toUpperCase();
  $("language").title = t("language");
  $("theme").title = t("theme");
  for (const page of ["report", "search", "automation"]) {
    const link = $(`to-${page}`);
    link.href = `/${page}?lang=${next}`;
    link.title = t(`to_${page}`);
    link.setAttribute("aria-label", link.title);
    setText(link, link.title);
  }
  audits.again();
  if (last && stream) showStation(last.station);
  desk.repaint();
}

function wire() {
  addEventListener("gone", () => stream && leave(t("logged_out")));
  addEventListener("keydown", onKey);
  addEventListener("keyup", (event) => event.key.toLowerCase() === "h" && picture.heatUp(performance.now()));
  $("heat").addEventListener("pointerdown", () => picture.heatDown(performance.now()));
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    $("heat").addEventListener(end, () => picture.heatUp(performance.now()));
  }
  $("heat").addEventListener("click", (event) => {
    if (event.detail === 0) picture.heatSwitch(); // by keyboard; a pointer was already heard
  });
  const clicks = { zoom: () => picture.toggleZoom(), "do-accept": desk.accept, "do-reject": desk.reject, back: desk.back, undo: desk.undo, leave: logOut };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("theme").addEventListener("click", () => paintTheme(document.documentElement.dataset.theme === "light" ? "dark" : "light"));
  $("language").addEventListener("click", async () => {
    choose(nextLanguage());
    await changeLanguage(nextLanguage());
    if (!stream) login.ask();
  });
  picture.watchPointer();
  setInterval(watch, 100);
}

async function start() {
  const light = matchMedia("(prefers-color-scheme: light)").matches;
  paintTheme(localStorage.getItem("theme") ?? (light ? "light" : "dark"));
  await changeLanguage(preferred());
  wire();
  login.begin(enter);
  const who = await get("/api/me").catch(() => ({}));
  if (who.name) enter(who);
  else login.ask();
}

start();
