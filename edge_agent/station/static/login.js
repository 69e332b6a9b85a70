// Who is here: touch a name, type the PIN.

import { Failure, get, post, setToken } from "./api.js";
import { $, icon, make } from "./dom.js";
import { showReady, why } from "./status.js";
import { t } from "./words.js";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "erase", "0", "go"];
const LONGEST = 12;

let name = "";
let pin = "";
let busy = false;
let known = "";
let open = false;
let enter = () => {};

export function begin(onEnter) {
  enter = onEnter;
  $("keys").replaceChildren(...DIGITS.map(key));
  addEventListener("keydown", onKey);
  setInterval(() => open && look(), 2000);
}

export async function ask(words = "") {
  open = true;
  pin = "";
  known = "";
  document.body.classList.add("outside");
  $("desk").hidden = true;
  $("login").hidden = false;
  say(words);
  paint();
  await look();
}

export async function look() {
  let found;
  try {
    found = await get("/api/operators");
  } catch {
    $("lost").hidden = false;
    return;
  }
  $("lost").hidden = true;
  showReady(found.ready, found.ready ? "" : why(found));
  if (found.command) $("command").textContent = found.command;
  const people = found.operators.map((person) => person.name);
  if (JSON.stringify(people) === known) return;
  known = JSON.stringify(people);
  if (!people.includes(name)) name = people.length === 1 ? people[0] : "";
  $("nobody").hidden = people.length > 0;
  $("pad").hidden = people.length === 0;
  $("names").replaceChildren(...found.operators.map(nameButton));
  paint();
}

function nameButton(person) {
  const button = make("button", { type: "button" }, make("span", { textContent: person.name }), make("small", { textContent: t(`role_${person.role}`) }));
  button.dataset.name = person.name;
  button.addEventListener("click", () => {
    name = person.name;
    pin = "";
    say("");
    paint();
  });
  return button;
}

function key(value) {
  const button = make("button", { type: "button" });
  if (value === "go") button.append(t("ok"));
  else if (value === "erase") button.append(icon("erase"));
  else button.append(value);
  button.dataset.key = value;
  button.className = value === "go" ? "go" : "";
  if (value === "erase") button.setAttribute("aria-label", t("erase"));
  button.addEventListener("click", () => press(value));
  return button;
}

function onKey(event) {
  if (!open || event.ctrlKey || event.altKey || event.metaKey) return;
  if (/^[0-9]$/.test(event.key)) press(event.key);
  else if (event.key === "Backspace") press("erase");
  else if (event.key === "Enter" && pin.length >= 4) press("go");
  else return;
  event.preventDefault();
}

function press(value) {
  if (busy || !name) return;
  if (value === "erase") pin = pin.slice(0, -1);
  else if (value === "go") return void send();
  else if (pin.length < LONGEST) pin += value;
  say("");
  paint();
}

async function send() {
  if (pin.length < 4) return;
  busy = true;
  paint();
  try {
    const who = await post("/api/login", { name, pin });
    setToken(who.csrf);
    open = false;
    say("");
    $("login").hidden = true;
    document.body.classList.remove("outside");
    enter(who);
  } catch (error) {
    refuse(error);
  }
  busy = false;
  pin = "";
  paint();
}

function refuse(error) {
  const body = error instanceof Failure ? error.body : {};
  const texts = { "wrong-pin": ["wrong_pin", { left: body.left }], locked: ["locked", { name, seconds: body.seconds }] };
  const [text, values] = texts[body.code] ?? ["failed", { why: error.message }];
  say(t(text, values), true);
  $("pad").classList.remove("shake");
  requestAnimationFrame(() => $("pad").classList.add("shake"));
}

function say(words, wrong = false) {
  $("login-answer").textContent = words;
  $("login-answer").className = wrong ? "answer wrong" : "answer";
}

function paint() {
  for (const button of $("names").children) button.setAttribute("aria-pressed", String(button.dataset.name === name));
  if (!$("login-answer").textContent) say(name ? t("enter_pin", { name }) : t("choose_name"));
  const dots = Array.from({ length: Math.max(4, pin.length) }, (_, i) => make("i", { className: i < pin.length ? "on" : "" }));
  $("dots").replaceChildren(...dots);
  for (const button of $("keys").children) button.disabled = busy || !name || (button.dataset.key === "go" && pin.length < 4);
}
