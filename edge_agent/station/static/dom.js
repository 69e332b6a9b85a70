// Small things done with elements.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.classList.add("icon");
  const use = document.createElementNS(svg.namespaceURI, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(holder, name) {
  holder.querySelector("use").setAttribute("href", `#i-${name}`);
}

export function setText(holder, text) {
  holder.querySelector("span").textContent = text;
}

export function setClass(element, base, kind) {
  element.className = kind ? `${base} ${kind}` : base;
}
