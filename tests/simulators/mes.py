"""A receiver of webhooks over real HTTP that checks signatures and can refuse, fail, hang, redirect and come back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()


@dataclass
class Post:
    """One request that was answered with 2xx."""

    id: str
    body: dict[str, Any]
    raw: bytes


class _Server(ThreadingHTTPServer):
    """Callers are killed in these tests; that is nothing to print."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@dataclass
class Mes:
    """The server. `status` is what it answers by sequence number, `hang` lets it answer nothing at all."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    secret: str = SECRET
    status: dict[int, int] = field(default_factory=dict)
    default: int = 204
    posts: list[Post] = field(default_factory=list)
    asked: int = 0
    forged: int = 0
    connections: int = 0
    hang: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    server: _Server | None = None

    def start(self) -> Mes:
        """Listen; on the same port as before after a stop."""
        self.server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self.server.server_address[1]
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the port."""
        self.released.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/parts"

    @property
    def keys(self) -> list[tuple[str, int]]:
        """(boot, seq) of what was taken, in order, with repeats."""
        return [(post.body["boot"], post.body["seq"]) for post in self.posts]

    def genuine(self, headers: Any, raw: bytes) -> bool:
        """Check the signature as the specification says, without the agent's code."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
        want = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return hmac.compare_digest(f"v1,{want}", headers["webhook-signature"])


def _handler(mes: Mes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            mes.connections += 1
            super().setup()

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            raw = self.rfile.read(length)
            mes.asked += 1
            if len(raw) < length:  # the caller was killed in the middle of it
                self.close_connection = True
                return
            if mes.hang:
                mes.released.wait(60)
                self.close_connection = True
                return
            if not mes.genuine(self.headers, raw):
                mes.forged += 1
                self._answer(401)
                return
            body = json.loads(raw)
            status = mes.status.get(body["seq"], mes.default)
            if 200 <= status < 300:
                mes.posts.append(Post(self.headers["webhook-id"], body, raw))
            self._answer(status)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{mes.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
