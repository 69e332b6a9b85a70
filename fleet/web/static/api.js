// Talking to the fleet: JSON with the session's cookie, and a header that another site's form cannot send.

import { h } from "./dom.js";

const HEADERS = { Accept: "application/json", "X-Lineside": "1" };

async function answer(response) {
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    throw new Error("signed out");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail || body.error || `the fleet answered ${response.status}`);
  return body;
}

export const get = async (path) => answer(await fetch(`/api/v1${path}`, { headers: HEADERS, cache: "no-store" }));

export const post = async (path, body) =>
  answer(await fetch(`/api/v1${path}`, {
    method: "POST", headers: { ...HEADERS, "Content-Type": "application/json" }, body: JSON.stringify(body || {}),
  }));

/** Call `load` now and every `period` ms while the page is visible; the dot in the head says whether it works. */
export function poll(load, period = 2000) {
  const dot = document.querySelector(".live");
  const once = async () => {
    if (document.hidden) return;
    try {
      await load();
      dot?.classList.remove("away");
      if (dot) dot.lastChild.textContent = "live";
    } catch (problem) {
      dot?.classList.add("away");
      if (dot) dot.lastChild.textContent = problem.message || "no answer";
    }
  };
  const loop = async () => { await once(); setTimeout(loop, period); };
  loop();
  document.addEventListener("visibilitychange", once);
  return once;
}

export function toast(text) {
  document.querySelector(".toast")?.remove();
  const note = h("div", { class: "toast", role: "status" }, text);
  document.body.append(note);
  setTimeout(() => note.remove(), 5000);
}

/** A button that posts and says what came of it; absent for people who may only look. */
export function action(label, path, { body, kind, confirm: question, after } = {}) {
  if (document.body.dataset.role === "viewer") return null;
  const click = async (event) => {
    if (question && !window.confirm(question)) return;
    event.target.disabled = true;
    try {
      await post(path, body);
      toast(`${label}: done`);
      await after?.();
    } catch (problem) {
      toast(problem.message);
    } finally {
      event.target.disabled = false;
    }
  };
  return h("button", { class: kind, type: "button", onclick: click }, label);
}
