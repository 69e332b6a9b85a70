"""The fleet's side of a retrain ticket: a real HTTP server that answers as the fleet's API does."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from edge_agent.contracts.encoding import digest_bytes

TOKEN = "secret"
_AFTER = {"claim": "claimed", "release": "approved", "served": "served"}


@dataclass
class TicketFleet:
    """Tickets with their labels; `said` keeps what the trainer told of them. `lists` are answers such as `devices`."""

    tickets: dict[str, dict] = field(default_factory=dict)
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    said: list[tuple[str, str, dict]] = field(default_factory=list)
    busy: str = ""
    rollouts: list[dict] = field(default_factory=list)
    lists: dict[str, list[dict]] = field(default_factory=dict)
    url: str = ""

    def open_ticket(self, name, model="machined-surface", **changed):
        """Add a ticket that may be trained from."""
        ticket = {"id": name, "state": "approved", "cause": "lighting", "mode": "assisted", "sites": ["s1"]}
        self.tickets[name] = {**ticket, "model": model, "needs_approval": True, "changed_by": "anna", **changed}

    def label(self, picture: bytes, part: str, label: str):
        """Add a reviewed part's picture."""
        sha = digest_bytes(picture)
        self.images[sha] = picture
        self.rows.append((f"images/{sha}.jpg", part, label))

    def table(self):
        """Return `labels.csv`."""
        lines = [f"{image},,{part},0,{label}," for image, part, label in self.rows]
        return "\n".join(["image,mask,part,exposure,label,split_hint", *lines]) + "\n"

    def answer(self, method, path, body):
        """Return (status, content) for a request."""
        parts = path.partition("?")[0].removeprefix("/api/v1/").split("/")
        if parts == ["tickets"]:
            return 200, json.dumps([t for t in self.tickets.values() if t["state"] != "served"]).encode()
        if method == "GET" and parts[0] in self.lists:
            return 200, json.dumps({parts[0]: self.lists[parts[0]]}).encode()
        if parts == ["rollouts"]:
            return self._roll_out(body)
        if parts[0] == "images":
            return (200, self.images[parts[1]]) if parts[1] in self.images else (404, b"{}")
        ticket = self.tickets.get(parts[1])
        if ticket is None:
            return 404, json.dumps({"error": f"there is no ticket '{parts[1]}'"}).encode()
        if parts[2:] == ["labels.csv"]:
            return 200, self.table().encode()
        if method == "POST":
            self.said.append((parts[1], parts[2], body))
            ticket["state"] = _AFTER[parts[2]]
        return 200, json.dumps(ticket).encode()

    def _roll_out(self, order):
        """Refuse a rollout while another one is under way (`busy`), as the fleet does."""
        if self.busy:
            return 422, json.dumps({"error": f"rollout {self.busy} is under way; wait for it"}).encode()
        self.rollouts.append(order)
        name, _, version = order["model"].partition("@")
        shown = {"id": f"r{len(self.rollouts)}", "model": name, "version": version, "release": 2, "state": "running"}
        more = {"stage": 1, "stages": [], "counts": {}, "gates": {}, "reason": "", "can_prove": {"text": ""}}
        return 201, json.dumps({**shown, **more}).encode()

    def serve(self, home: Path):
        """Start the server, write `home/client.json`, and return the function that ends it."""
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                status, content = fleet.answer(self.command, self.path, body)
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, content = 401, json.dumps({"error": "this token is not known"}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _do

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        home.mkdir(parents=True, exist_ok=True)
        (home / "client.json").write_text(json.dumps({"url": self.url, "token": TOKEN}))

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()

        return stop
