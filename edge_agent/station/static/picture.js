// The large picture: heatmap on top, zoom and pan. Colours of the heatmap go from blue over magenta to yellow and grow
// in lightness too, so they read without colour vision.

import { gone } from "./api.js";
import { $, setClass } from "./dom.js";
import { watchFingers } from "./fingers.js";
import { t } from "./words.js";

const ZOOM = 2.6;
const ZOOM_MOST = 8;
const HOLD_MS = 250;
const AGAIN_MS = 1000;
const WEAK = 64; // of 255: a map that stays below shows no place at all
const RAMP = [[40, 90, 220], [200, 50, 160], [255, 130, 50], [255, 235, 90]];

let shown = null; // {url, heat, crop, peak}
let ready = true;
let scale = 1;
let origin = { x: 0, y: 0 };
let heatOn = false;
let heatReady = false;
let pressedAt = 0;
let generation = 0;

export const isReady = () => ready;

// Show a part's picture. `onReady` is called when the operator can see it.
export async function show(part, onReady = () => {}) {
  const url = part?.image ? `/api/images/${part.image}` : null;
  if (shown && shown.url === url && shown.part === part?.part) return;
  const mine = ++generation;
  shown = part ? { part: part.part, url, heat: part.heatmap, crop: part.crop ?? [0, 0, 1, 1], peak: part.peak } : null;
  heatReady = false;
  ready = !url;
  resetZoom();
  paintTools();
  say(part && !url ? "no_picture" : "");
  $("frame").hidden = true;
  if (!url) return onReady();
  const seen = await load(url, mine);
  if (mine !== generation) return;
  say(seen ? "" : "no_picture");
  $("frame").hidden = !seen;
  if (seen) fit();
  ready = true;
  onReady();
  if (shown.heat) await paintHeat(mine);
}

// True once the picture can be seen, false where the station has none. One that cannot be fetched now is fetched again
// and again; until then nothing can be decided, for nobody shall decide a part unseen because a cable is loose.
async function load(url, mine) {
  const img = $("picture");
  for (let broken = 0; broken < 2; ) {
    img.src = url;
    const seen = await img.decode().then(() => true, () => false);
    if (seen || mine !== generation) return seen;
    const answer = await fetch(url).catch(() => null);
    if (mine !== generation) return false;
    if (answer?.status === 401) gone();
    if (answer?.status === 404) return false;
    if (answer?.ok) broken += 1; // it came, and is no picture
    else say("picture_failed");
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    if (mine !== generation) return false;
  }
  return false;
}

function say(words) {
  $("no-picture").hidden = !words;
  $("no-picture").textContent = words && t(words);
}

export function fit() {
  const img = $("picture");
  const view = $("view");
  if (!img.naturalWidth) return;
  const by = Math.min(view.clientWidth / img.naturalWidth, view.clientHeight / img.naturalHeight);
  const frame = $("frame");
  frame.style.width = `${img.naturalWidth * by}px`;
  frame.style.height = `${img.naturalHeight * by}px`;
  move();
}

async function paintHeat(mine) {
  const map = new Image();
  map.src = shown.heat;
  try {
    await map.decode();
  } catch {
    return;
  }
  if (mine !== generation) return;
  const [small, strongest] = tint(map);
  const canvas = $("overlay");
  const [left, top, right, bottom] = shown.crop;
  const img = $("picture");
  canvas.width = 640;
  canvas.height = Math.max(1, Math.round((640 * (bottom - top) * img.naturalHeight) / ((right - left) * img.naturalWidth)));
  Object.assign(canvas.style, { left: pc(left), top: pc(top), width: pc(right - left), height: pc(bottom - top) });
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(small, 0, 0, canvas.width, canvas.height);
  if (shown.peak && strongest >= WEAK) ring(brush, ((shown.peak[0] - left) / (right - left)) * canvas.width, ((shown.peak[1] - top) / (bottom - top)) * canvas.height);
  heatReady = true;
  paintTools();
}

const pc = (share) => `${share * 100}%`;

// A canvas of the map's size in which weak values are clear and strong ones bright, and the strongest value.
function tint(map) {
  const canvas = document.createElement("canvas");
  canvas.width = map.naturalWidth;
  canvas.height = map.naturalHeight;
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(map, 0, 0);
  const data = brush.getImageData(0, 0, canvas.width, canvas.height);
  const pixels = data.data;
  let strongest = 0;
  for (let i = 0; i < pixels.length; i += 4) strongest = Math.max(strongest, pixels[i]);
  const top = Math.max(strongest, WEAK);
  for (let i = 0; i < pixels.length; i += 4) {
    const value = pixels[i] / top;
    const place = Math.min(value, 0.999) * (RAMP.length - 1);
    const low = RAMP[Math.floor(place)];
    const high = RAMP[Math.floor(place) + 1];
    for (let c = 0; c < 3; c++) pixels[i + c] = low[c] + (high[c] - low[c]) * (place % 1);
    pixels[i + 3] = 190 * Math.min(1, Math.max(0, (value - 0.12) / 0.5));
  }
  brush.putImageData(data, 0, 0);
  return [canvas, strongest];
}

function ring(brush, x, y) {
  for (const [width, colour] of [[7, "#000a"], [3, "#fff"]]) {
    brush.lineWidth = width;
    brush.strokeStyle = colour;
    brush.beginPath();
    brush.arc(x, y, 34, 0, 7);
    brush.stroke();
  }
}

function paintTools() {
  $("heat").disabled = !heatReady;
  $("zoom").disabled = !shown?.url;
  $("overlay").hidden = !(heatOn && heatReady);
  $("heat").setAttribute("aria-pressed", String(heatOn));
  $("zoom").setAttribute("aria-pressed", String(scale > 1));
}

// Heatmap: a short press switches, a long one shows it while held.
export function heatDown(now) {
  if (pressedAt) return;
  pressedAt = now;
  heatOn = !heatOn;
  paintTools();
}

export function heatUp(now) {
  if (pressedAt && now - pressedAt > HOLD_MS) heatOn = !heatOn;
  pressedAt = 0;
  paintTools();
}

export function heatSwitch() {
  heatOn = !heatOn;
  paintTools();
}

export function toggleZoom(at = null) {
  if (!shown?.url) return;
  if (scale > 1) return resetZoom();
  const frame = $("frame");
  const spot = at ?? (shown.peak ? { x: shown.peak[0] * frame.clientWidth, y: shown.peak[1] * frame.clientHeight } : { x: frame.clientWidth / 2, y: frame.clientHeight / 2 });
  scale = ZOOM;
  origin = { x: frame.clientWidth / 2 - spot.x * scale, y: frame.clientHeight / 2 - spot.y * scale };
  move();
}

function resetZoom() {
  scale = 1;
  origin = { x: 0, y: 0 };
  move();
}

function move() {
  const frame = $("frame");
  const edge = (size) => Math.min(0, size * (1 - scale));
  origin.x = Math.min(0, Math.max(edge(frame.clientWidth), origin.x));
  origin.y = Math.min(0, Math.max(edge(frame.clientHeight), origin.y));
  frame.style.transform = scale > 1 ? `translate(${origin.x}px, ${origin.y}px) scale(${scale})` : "";
  paintTools();
}

// Larger or smaller around a place of the screen, which stays where it is.
function zoomBy(factor, x, y) {
  if (!shown?.url) return;
  const box = $("frame").getBoundingClientRect();
  const next = Math.min(ZOOM_MOST, Math.max(1, scale * factor));
  origin.x += ((x - box.left) / scale) * (scale - next);
  origin.y += ((y - box.top) / scale) * (scale - next);
  scale = next;
  move();
}

function drag(x, y) {
  if (scale === 1) return;
  origin.x += x;
  origin.y += y;
  move();
}

function toggleAt(x, y) {
  const box = $("frame").getBoundingClientRect();
  toggleZoom({ x: (x - box.left) / scale, y: (y - box.top) / scale });
}

export function watchPointer() {
  watchFingers($("view"), { drag, zoomBy, toggleAt });
  new ResizeObserver(fit).observe($("view"));
}

export function tone(kind) {
  setClass($("view"), "view", kind);
}
