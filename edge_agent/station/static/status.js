// Above: is the station ready, and if not why; model, fleet, disk.

import { $, setClass, setIcon, setText } from "./dom.js";
import { has, t } from "./words.js";

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
  if (station.recipe) $("model").href = "/recipe";
  showLink(station.link);
  setClass($("disk"), "chip inside", station.disk.low ? "attention" : "");
  setText($("disk"), station.disk.low ? t("disk_low") : t("disk", { free: (station.disk.free_mb / 1024).toFixed(1) }));
  $("warning").hidden = station.ready && !station.lowered;
  $("warning").querySelector("small").textContent = station.ready ? "" : station.detail;
  if (!station.ready) setText($("warning"), t("rejects_until", { why: why(station) }));
  else if (station.lowered) setText($("warning"), t("lowered", { why: station.lowered }));
}

function showLink(link) {
  const away = link.enrolled && link.known && !link.connected;
  const text = !link.enrolled ? "no_fleet" : !link.known ? "link_unknown" : link.connected ? "connected" : "offline";
  setClass($("link"), "chip inside", away ? "attention" : "");
  setIcon($("link"), away || !link.enrolled ? "fleet-off" : "fleet");
  setText($("link"), t(text));
  $("link").title = link.why;
}
