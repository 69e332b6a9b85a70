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
  const { known, connected } = station.link;
  setClass($("link"), "chip inside", known && !connected ? "attention" : "");
  setIcon($("link"), known && !connected ? "fleet-off" : "fleet");
  setText($("link"), t(known ? (connected ? "connected" : "offline") : "link_unknown"));
  setClass($("disk"), "chip inside", station.disk.low ? "attention" : "");
  setText($("disk"), station.disk.low ? t("disk_low") : t("disk", { free: (station.disk.free_mb / 1024).toFixed(1) }));
  $("warning").hidden = station.ready;
  $("warning").title = station.detail;
  if (!station.ready) setText($("warning"), t("rejects_until", { why: why(station) }));
}
