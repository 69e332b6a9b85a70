// Texts in the operator's language: <lang>.json, and every element that carries data-t.

const languages = document.documentElement.dataset.languages.split(",");
let texts = {};
let current = languages[0];
let names = {};

export function preferred() {
  const kept = localStorage.getItem("language");
  return languages.includes(kept) ? kept : document.documentElement.lang; // the station's, else the browser's
}

export const language = () => current;
export const nextLanguage = () => languages[(languages.indexOf(current) + 1) % languages.length];

export const choose = (lang) => localStorage.setItem("language", lang);

export async function speak(lang) {
  const answer = await fetch(`/static/${lang}.json`);
  texts = await answer.json();
  current = lang;
  document.documentElement.lang = lang;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t, { over: 100 });
  }
}

export const number = (value, digits = 0) =>
  value.toLocaleString(current, { minimumFractionDigits: digits, maximumFractionDigits: digits });

// What people read for a label of the model: the name that the station gave it, else its own words.
export const nameLabels = (given) => (names = given);
export const label = (id) => names[id]?.[current] ?? id.replace(/[-_]/g, " ");

export const has = (key) => key in texts;

export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
