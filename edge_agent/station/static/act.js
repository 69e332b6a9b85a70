// Forms that change something: sent as JSON with the session's token, then the page shows what has become of it.

import { Failure, get, post, setToken } from "./api.js";

addEventListener("gone", () => location.assign(`/?next=${location.pathname.slice(1)}`));

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

// Something is awaited: the page shows what has come of it by itself.
const awaited = document.querySelector("[data-wait]")?.dataset.wait;
let before = null;

async function look() {
  const now = JSON.stringify(await get(awaited).catch(() => null));
  if (now !== "null" && before !== null && now !== before) return location.reload();
  if (now !== "null") before = now;
  setTimeout(look, 1000);
}

if (awaited) look();
for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", send);
  form.inert = false; // before this, a finger would have sent the form as a plain address
}
