// What happened last, one line each.

import { clock, h, tone } from "./dom.js";

const line = (event) => h("li", null,
  h("time", null, clock(event.at_ms)),
  h("div", null, h("a", { href: `/devices/${event.device}` }, event.device), " ",
    h("span", { class: `pill ${tone(event.state)}` }, event.state.toLowerCase().replaceAll("_", " ")), event.text && h("span", { class: "soft" }, ` ${event.text}`)));

export const eventList = (events) => (events.length ? h("ul", { class: "items events" }, events.map(line)) : h("p", { class: "empty" }, "Nothing has happened yet."));
