// Forms that change something: sent as JSON with the session's token, then the page shows what has become of it.

import { Failure, get, post, setToken } from "./api.js";

addEventListener("gone", () => location.assign(`/?next=${location.pathname.slice(1)}`));

const LOOK_MS = 1000;
const JUDGED_MS = 1500;
const failed = document.getElementById("failed");

async function send(event) {
  event.preventDefault();
  const form = event.target, button = event.submitter;
  const body = Object.fromEntries(new FormData(form, button));
  if (button?.dataset.verdict) body.verdict = button.dataset.verdict;
  for (const each of form.querySelectorAll("button")) each.disabled = true;
  try {
    setToken((await get("/api/me")).csrf);
    await post(form.dataset.post, body);
    location.reload();
  } catch (error) {
    failed.textContent = error instanceof Failure && error.message ? error.message : String(error);
    failed.hidden = false;
    for (const each of form.querySelectorAll("button")) each.disabled = false;
  }
}

// A part is awaited that the page was told of: it shows by itself what has come of it, once it has been judged.
const awaited = document.querySelector("[data-awaits]")?.dataset.awaits;

async function look() {
  const found = await get("/api/challenge").catch(() => null);
  if (found && found.armed !== awaited) setTimeout(() => location.reload(), JUDGED_MS);
  else setTimeout(look, LOOK_MS);
}

if (awaited) look();
for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", send);
  form.inert = false; // before this, a finger would have sent the form as a plain address
}
