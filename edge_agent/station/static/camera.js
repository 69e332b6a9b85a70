// Live picture and focus aid. Asks for the latest picture four times a second, while this page is on the screen.

import { $ } from "./dom.js";

const PERIOD_MS = 250;
const STATE_MS = 2000;
const STALE_MS = 2500;
const NEAR_BEST = 0.97;
const DARK = [58, 160, 255];
const BRIGHT = [255, 59, 48];

let index = -1;
let best = 0;
let came = performance.now();
let waiting = "";
let last = null;

async function look() {
  const answer = await fetch(`/api/camera?after=${index}`).catch(() => null);
  if (answer?.status === 401) return location.replace("/?next=camera");
  if (answer?.status === 200) {
    const facts = JSON.parse(answer.headers.get("X-Picture"));
    const bitmap = await createImageBitmap(await answer.blob());
    index = facts.index;
    came = performance.now();
    last = { facts, bitmap };
    show();
  }
  stale();
}

function show() {
  $("wait").hidden = true;
  draw(last.bitmap, last.facts);
  measure(last.facts);
}

function draw(bitmap, facts) {
  for (const id of ["picture", "marks"]) {
    $(id).width = bitmap.width;
    $(id).height = bitmap.height;
  }
  const context = $("picture").getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  if ($("clipped").ariaPressed === "true") colourClipped(context, bitmap.width, bitmap.height);
  const [left, top, right, bottom] = facts.crop.map((share, side) => share * (side % 2 ? bitmap.height : bitmap.width));
  const marks = $("marks").getContext("2d");
  const thick = Math.max(1, bitmap.width / 320);
  for (const [width, colour] of [[thick * 2.5, "#000a"], [thick, "#ffe27a"]]) {
    marks.lineWidth = width;
    marks.strokeStyle = colour;
    marks.strokeRect(left + thick, top + thick, right - left - 2 * thick, bottom - top - 2 * thick);
  }
  $("size").textContent = `${facts.width} × ${facts.height}`;
}

function colourClipped(context, width, height) {
  const image = context.getImageData(0, 0, width, height);
  const pixels = image.data;
  for (let at = 0; at < pixels.length; at += 4) {
    const low = Math.max(pixels[at], pixels[at + 1], pixels[at + 2]);
    const high = Math.min(pixels[at], pixels[at + 1], pixels[at + 2]);
    const colour = low <= 1 ? DARK : high >= 254 ? BRIGHT : null;
    if (colour) [pixels[at], pixels[at + 1], pixels[at + 2]] = colour;
  }
  context.putImageData(image, 0, 0);
}

function measure(facts) {
  best = Math.max(best, facts.sharpness);
  const share = best > 0 ? facts.sharpness / best : 0;
  const percent = `${Math.round(share * 100)} %`;
  $("sharpness").textContent = facts.sharpness.toFixed(2);
  $("share").textContent = percent;
  $("best").textContent = best.toFixed(2);
  $("bar").style.width = `${share * 100}%`;
  $("bar").className = share >= NEAR_BEST ? "best" : "";
  $("meter").ariaValueNow = Math.round(share * 100);
  $("brightness").textContent = Math.round(facts.brightness);
  $("black").textContent = `${(facts.black * 100).toFixed(2)} %`;
  $("white").textContent = `${(facts.white * 100).toFixed(2)} %`;
  $("bins").setAttribute("d", facts.histogram.map((height, bin) => `M${bin} 24v${-24 * height}h1v${24 * height}z`).join(""));
  bands(facts.guards);
}

function bands(guards) {
  const level = (value) => Math.min(64, Math.max(0, value / 4));
  $("low").setAttribute("width", guards ? level(guards.brightness_min) : 0);
  $("high").setAttribute("x", guards ? level(guards.brightness_max) : 64);
  $("high").setAttribute("width", guards ? 64 - level(guards.brightness_max) : 0);
  const values = guards && { low: guards.brightness_min, high: guards.brightness_max, sharp: guards.sharpness_min, now: guards.sharpness.toFixed(1) };
  $("recipe").textContent = values ? $("live").dataset.recipe.replace(/\{(\w+)\}/g, (_, name) => values[name]) : "";
}

function stale() {
  const silent = performance.now() - came;
  const words = silent > STALE_MS ? $("live").dataset.stopped.replace("{seconds}", Math.round(silent / 1000)) : "";
  $("why").hidden = !waiting && !(words && last);
  $("why").textContent = waiting || words;
}

async function state() {
  const answer = await fetch("/api/status").catch(() => null);
  if (!answer?.ok) return;
  const station = await answer.json();
  waiting = station.ready ? "" : station.detail || station.words;
}

async function again(work, period) {
  if (!document.hidden) await work();
  setTimeout(again, period, work, period);
}

if ($("live")) {
  $("anew").addEventListener("click", () => {
    best = 0;
    if (last) measure(last.facts);
  });
  $("clipped").addEventListener("click", () => {
    $("clipped").ariaPressed = String($("clipped").ariaPressed !== "true");
    if (last) show();
  });
  again(look, PERIOD_MS);
  again(state, STATE_MS);
}
