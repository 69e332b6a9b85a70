// What every page has: the switch between light and dark, and how many tickets wait.

import { get } from "./api.js";
import { h } from "./dom.js";

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("lineside-theme", root.dataset.theme);
});

async function badge() {
  const waiting = (await get("/tickets?state=open").catch(() => [])).length;
  const tab = document.getElementById("tab-tickets");
  tab.querySelector(".count")?.remove();
  if (waiting) tab.append(h("span", { class: "count", title: "tickets wait for a person" }, waiting));
}

badge();
setInterval(badge, 10000);
