// A picture that a person brings goes to the prediction API; verdict, score and heatmap are shown. Nothing is kept.

const $ = (id) => document.getElementById(id);
const box = $("try");
const words = box.dataset;
const names = JSON.parse(words.names);
const crop = words.crop.split(" ").map(Number);
const RAMP = [[40, 90, 220], [200, 50, 160], [255, 130, 50], [255, 235, 90]];
const WEAK = 0.25; // a map that stays below shows no place at all
let generation = 0;

async function judge(file) {
  if (!file) return;
  const mine = ++generation;
  clear();
  const shown = await show(file);
  if (mine !== generation) return;
  const started = performance.now();
  let answer;
  let body;
  try {
    const me = await (await fetch("/api/me")).json();
    const form = new FormData();
    form.append("image", file);
    const headers = { "X-CSRF-Token": me.csrf };
    const path = `/v1/models/${encodeURIComponent(words.model)}:predict?heatmap=1`;
    answer = await fetch(path, { method: "POST", headers, body: form });
    body = await answer.json();
  } catch {
    body = { error: words.tryAway };
  }
  if (mine !== generation) return;
  if (!answer?.ok) return say(body.error ?? words.tryFailed, "is-none");
  tell(body.predictions[0], performance.now() - started);
  if (shown) paint(body.predictions[0].heatmap);
}

function clear() {
  for (const id of ["facts", "switch", "seen"]) $(id).hidden = true;
  say("…", "is-none");
}

function say(text, kind) {
  $("verdict").textContent = text;
  $("verdict").className = `verdict ${kind}`;
}

async function show(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return false;
  }
  const canvas = $("plain");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  $("seen").style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
  $("seen").style.maxWidth = `calc(58vh * ${bitmap.width / bitmap.height})`;
  $("heat").getContext("2d").clearRect(0, 0, $("heat").width, $("heat").height);
  $("seen").hidden = false;
  return true;
}

function tell(said, milliseconds) {
  const verdict = { accept: words.verdictAccept, reject: words.verdictReject, review: words.tryReview }[said.verdict];
  const why = ["model", "unsure"].includes(said.reason) ? "" : ` · ${said.reason}`;
  say(verdict + why, `is-${said.verdict}`);
  const number = new Intl.NumberFormat(words.language, { style: "percent", minimumFractionDigits: 1 });
  $("score").textContent = said.score === null ? "–" : number.format(said.score);
  $("label").textContent = names[said.label] ?? (said.label.replace(/[-_]/g, " ") || "–");
  $("time").textContent = `${Math.round(milliseconds)} ms`;
  $("facts").hidden = false;
}

// The map lies over the region that the model saw; weak values are clear, strong ones bright.
function paint(map) {
  if (!map) return;
  const rows = map.length;
  const columns = map[0].length;
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  const brush = small.getContext("2d");
  const data = brush.createImageData(columns, rows);
  const top = Math.max(WEAK, ...map.map((row) => Math.max(...row)));
  map.flat().forEach((value, index) => data.data.set(tint(value / top), 4 * index));
  brush.putImageData(data, 0, 0);
  const plain = $("plain");
  const canvas = $("heat");
  const [left, up, right, down] = crop;
  canvas.width = plain.width;
  canvas.height = plain.height;
  const over = canvas.getContext("2d");
  over.imageSmoothingQuality = "high";
  over.drawImage(small, left * plain.width, up * plain.height, (right - left) * plain.width, (down - up) * plain.height);
  $("switch").hidden = false;
}

function tint(value) {
  const place = Math.min(value, 0.999) * (RAMP.length - 1);
  const [low, high] = [RAMP[Math.floor(place)], RAMP[Math.floor(place) + 1]];
  const colour = low.map((c, i) => c + (high[i] - c) * (place % 1));
  return [...colour, 190 * Math.min(1, Math.max(0, (value - 0.12) / 0.5))];
}

$("file").addEventListener("change", (event) => judge(event.target.files[0]));
$("drop").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    $("file").click();
  }
});
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) addEventListener(name, () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  judge(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => judge(event.clipboardData.files[0]));
$("switch").addEventListener("click", () => {
  const on = $("switch").getAttribute("aria-pressed") !== "true";
  $("switch").setAttribute("aria-pressed", String(on));
  $("heat").hidden = !on;
});
