// Building pages from data. Text goes in as text nodes only, so nothing that a device says can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "onclick") element.addEventListener("click", value);
    else if (name === "width%") element.style.width = `${value}%`;
    else if (name === "grow") element.style.flexGrow = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Replace what is in `place` (an element or its id), unless it would look the same: a selection or focus survives. */
export function put(place, ...children) {
  const target = typeof place === "string" ? document.getElementById(place) : place;
  const next = h(target.tagName, null, ...children);
  if (next.innerHTML !== target.innerHTML) target.replaceChildren(...next.childNodes);
}

export const number = (value) => (value === null || value === undefined ? "–" : Number(value).toLocaleString("en-US"));
export const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(part && part < whole ? 1 : 0)} %` : "–");
export const short = (digest) => (digest ? digest.slice(0, 10) : "–");

export function ago(ms) {
  if (!ms) return "never";
  const seconds = Math.max(0, (Date.now() - ms) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

export const clock = (ms) => (ms ? new Date(ms).toLocaleTimeString("en-GB") : "–");
export const when = (ms) => (ms ? new Date(ms).toLocaleString("en-GB") : "–");

const TONES = {
  good: ["COMMITTED", "READY", "DONE", "SERVED", "ONLINE", "ENDED", "SUCCEEDED", "COMPLETE", "COMPLETED", "PASS", "ACCEPTED", "AGREED"],
  busy: ["OFFERED", "VERIFIED", "DOWNLOADING", "STAGED", "SELFTEST", "SHADOW", "ACTIVATING", "PROBATION", "RUNNING", "APPROVED", "CLAIMED", "INSTALLING", "RESTORING"],
  warn: ["OPEN", "PAUSED", "HOLD", "ROLLING_BACK", "LATE", "SILENT", "DISPUTED", "UNREACHABLE", "RESTORED", "QUARANTINE"],
  bad: ["REJECTED", "FAILED", "ROLLED_BACK", "LOST", "ABORTED", "ABORTING", "REVERTED", "FAIL", "OFFLINE", "TIMED_OUT", "REVOKED", "NO-WAY-BACK"],
};

/** Colour family of a state: good, busy, warn, bad, or idle for what is unknown. */
export function tone(state) {
  const name = String(state || "").toUpperCase();
  return Object.keys(TONES).find((key) => TONES[key].includes(name)) || "idle";
}

export const pill = (state, text) => h("span", { class: `pill ${tone(state)}` }, text || String(state).toLowerCase().replaceAll("_", " "));

/** What came of the parts that a model beside the champion was given: `parts` as the API has them. */
export const canary = (parts) => parts && [
  h("p", { class: "small soft" }, `Of each station's parts ${percent(parts.share, 1)} are decided by this model together with the one in use. Drawn so far: ${number(parts.drawn)} on ${number(parts.devices)} devices.`),
  shares({ agreed: parts.decided - parts.disputed, disputed: parts.disputed, late: parts.late, failed: parts.failed }),
];

/** A bar of shares with its legend: `counts` maps state to number. */
export function shares(counts) {
  const rows = Object.entries(counts || {}).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return h("p", { class: "empty" }, "Nothing yet.");
  return h("div", { class: "stack" },
    h("div", { class: "stacked", role: "img", "aria-label": rows.map(([k, v]) => `${k} ${v}`).join(", ") },
      rows.map(([state, count]) => h("span", { class: tone(state), grow: count, title: `${state}: ${count}` }))),
    h("div", { class: "legend" }, rows.map(([state, count]) =>
      h("span", null, h("i", { class: `key ${tone(state)}` }), h("b", null, number(count)), ` ${state.toLowerCase().replaceAll("_", " ")}`))));
}
