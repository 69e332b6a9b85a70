// Above: is the station ready, and if not why; model, fleet, disk.

import { $, setClass, setIcon, setText } from "./dom.js";
import { has, number, t } from "./words.js";

export function why(station) {
  return has(`why_${station.code}`) ? t(`why_${station.code}`) : station.words;
}

export function showReady(ready, reason) {
  const pill = $("ready");
  setClass(pill, "pill", ready ? "yes" : "no");
  setIcon(pill, ready ? "accept" : "stop");
  setText(pill, t(ready ? "ready" : "not_ready"));
  pill.title = reason;
}

export function showStation(station) {
  showReady(station.ready, station.ready ? "" : why(station));
  $("device").textContent = station.place.device;
  $("place").textContent = [station.place.site, station.place.line].filter(Boolean).join(" · ") || "Lineside";
  setText($("model"), station.model ? t("model", station.model) : t("no_model"));
  $("model").title = station.model?.bundle ?? "";
  if (station.recipe) $("model").href = `/recipe?lang=${document.documentElement.lang}`;
  showLink(station.link);
  setClass($("disk"), "chip inside", station.disk.low ? "attention" : "");
  setText($("disk"), station.disk.low ? t("disk_low") : t("disk", { free: number(station.disk.free_mb / 1024, 1) }));
  showWarning(station);
  setIcon($("calm"), station.ready ? "accept" : "stop");
}

// What keeps the station from inspecting; else, quieter, why people decide more than they were to. With the way to the
// page where something can be done about it.
function showWarning(station) {
  const box = $("warning");
  box.hidden = station.ready && !station.lowered;
  setClass(box, "warning", station.ready ? "note" : "");
  setText(box, station.ready ? t(station.caution ? "lowered_drift" : "lowered") : t("rejects_until", { why: why(station) }));
  box.querySelector("small").textContent = station.ready ? station.caution || station.lowered : station.detail;
  const page = station.ready ? "automation" : ["challenge", "locked"].includes(station.code) ? "challenge" : "";
  const link = box.querySelector("a");
  link.hidden = !page;
  if (page) Object.assign(link, { href: `/${page}?lang=${document.documentElement.lang}`, textContent: t(`to_${page}`) });
}

function showLink(link) {
  const away = link.enrolled && link.known && !link.connected;
  const text = !link.enrolled ? "no_fleet" : !link.known ? "link_unknown" : link.connected ? "connected" : "offline";
  setClass($("link"), "chip inside", away ? "attention" : "");
  setIcon($("link"), away || !link.enrolled ? "fleet-off" : "fleet");
  setText($("link"), t(text));
  $("link").title = link.why;
}
