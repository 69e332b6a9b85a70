// Talking to the station. Every change carries the token of this session.

let token = "";

export class Failure extends Error {
  constructor(status, body) {
    super(body.error ?? "");
    this.status = status;
    this.code = body.code ?? "http";
    this.body = body;
  }
}

export function setToken(value) {
  token = value;
}

export async function get(path) {
  return read(await fetch(path, { headers: { Accept: "application/json" } }));
}

export async function post(path, body, keepalive = false) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  return read(await fetch(path, { method: "POST", headers, body: JSON.stringify(body), keepalive }));
}

// The session has ended, whoever notices it: a page hears it as an event of its window.
export function gone() {
  dispatchEvent(new Event("gone"));
}

async function read(answer) {
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401 && body.code === "login") gone();
  if (!answer.ok) throw new Failure(answer.status, body);
  return body;
}
