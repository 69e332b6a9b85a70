// Small charts as inline SVG; colours come from the style sheet.

import { h, s } from "./dom.js";

const WIDTH = 260, HEIGHT = 110, FOOT = 16;

const scale = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 1 ? value.toFixed(1) : value.toPrecision(2));

/** Training against production for one feature: {name, edges, training, live, shift, n}.
 * Counts become shares, drawn by their square root, so that a spread-out histogram shows beside a narrow one. */
export function histogram({ name, edges, training, live, shift, n }) {
  const share = (counts) => { const total = counts.reduce((a, b) => a + b, 0) || 1; return counts.map((c) => Math.sqrt(c / total)); };
  const [a, b] = [share(training), share(live)];
  const top = Math.max(...a, ...b, 1e-9), step = WIDTH / a.length, room = HEIGHT - FOOT;
  const bars = (values, kind, inset) => values.map((value, i) =>
    s("rect", { class: kind, x: (i * step + inset).toFixed(1), width: Math.max(1, step - 2 * inset).toFixed(1), y: (room - (room * value) / top).toFixed(1), height: ((room * value) / top).toFixed(1), rx: 1.5 }));
  const label = `${name}: production against training, shifted by ${shift.toFixed(1)} deviations`;
  return h("div", { class: "chart" },
    h("h3", null, name.replaceAll("_", " ")),
    h("p", { class: "small soft" }, `${shift >= 0 ? "+" : "−"}${Math.abs(shift).toFixed(1)} deviations · n ${n}`),
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
      bars(a, "bar-train", 0.5), bars(b, "bar-live", Math.min(step / 4, 3)),
      s("line", { class: "axis", x1: 0, x2: WIDTH, y1: room, y2: room }),
      s("text", { x: step, y: HEIGHT - 3 }, scale(edges[0])),
      s("text", { x: WIDTH - step, y: HEIGHT - 3, "text-anchor": "end" }, scale(edges[edges.length - 1]))));
}

/** Evidence over time against the alarm line; `points` are {at_ms, evidence}, both axes linear in log10. */
export function timeline(points, threshold) {
  const wide = 860, high = 170, left = 44, foot = 22;
  const level = (value) => Math.log10(1 + Math.max(0, value));
  const top = level(threshold) * 1.6;
  const from = points[0].at_ms, span = Math.max(1, points[points.length - 1].at_ms - from);
  const x = (ms) => left + ((wide - left - 8) * (ms - from)) / span;
  const y = (value) => high - foot - ((high - foot - 8) * Math.min(level(value), top)) / top;
  const line = points.map((p, i) => `${i ? "L" : "M"}${x(p.at_ms).toFixed(1)} ${y(p.evidence).toFixed(1)}`).join("");
  const time = (ms) => new Date(ms).toLocaleTimeString("en-GB");
  return h("div", { class: "wide" }, s("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "evidence over time against the alarm line" },
    s("line", { class: "axis", x1: left, x2: wide, y1: high - foot, y2: high - foot }),
    s("line", { class: "limit", x1: left, x2: wide, y1: y(threshold), y2: y(threshold) }),
    s("text", { x: left + 4, y: y(threshold) - 5 }, "alarm"),
    s("text", { x: 0, y: high - foot }, "none"),
    s("path", { class: "curve", d: line }),
    points.map((p) => s("circle", { class: p.evidence >= threshold ? "dot over" : "dot", cx: x(p.at_ms).toFixed(1), cy: y(p.evidence).toFixed(1), r: 3.2 })),
    s("text", { x: left, y: high - 5 }, time(from)),
    s("text", { x: wide - 4, y: high - 5, "text-anchor": "end" }, time(from + span))));
}

export const chartKey = () => h("div", { class: "legend" },
  h("span", null, h("i", { class: "key train" }), "training"), h("span", null, h("i", { class: "key live-key" }), "production"));
