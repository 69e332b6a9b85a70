"""The door of the page and the API: who is asking, and may they."""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response

from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import replace_text
from edge_agent.station.errors import Refused
from edge_agent.station.pinbook import PinBook, Role
from edge_agent.station.sessions import SESSION_S, Lockout, Session, request_token, seal, token_matches, unseal

COOKIE = "lineside_session"
TOKEN_HEADER = "X-CSRF-Token"
_UNKNOWN = ""


@dataclass(frozen=True)
class Visitor:
    """Whoever is logged in. A program with the station's token has no name and decides no parts."""

    name: str
    role: Role | None
    token: str = ""


class Door:
    """Checks PINs, cookies and tokens; nothing is let in by default. Safe to call from several threads."""

    def __init__(self, book: PinBook, api_token: str, boot: str, clock: Clock) -> None:
        self._book = book
        self._api_token = api_token
        self._boot = boot
        self._clock = clock
        self._lockout = Lockout()
        self._lock = threading.Lock()

    def people(self) -> list[dict[str, str]]:
        """Return names and roles, for the log-in page's buttons."""
        return [{"name": name, "role": entry.role.value} for name, entry in self._book.entries().items()]

    def login(self, name: str, pin: str) -> tuple[Visitor, str]:
        """Return the visitor and the cookie for it. Raises Refused: wrong PIN, locked out, or no PINs at all."""
        entries = self._book.entries()
        if not entries:
            raise Refused(403, "no-pins", "nobody has a PIN yet; add one at the station: edge-agent pin add NAME")
        with self._lock:
            key, now = (name if name in entries else _UNKNOWN), self._clock.monotonic()
            self._check_open(name, self._lockout.wait_s(key, now))
            entry = self._book.check(name, pin)
            if entry is None:
                left = self._lockout.failed(key, now)
                self._check_open(name, self._lockout.wait_s(key, now))
                raise Refused(401, "wrong-pin", f"wrong PIN for {name}; {left} more tries", left=left)
            self._lockout.clear(key)
        session = Session(
            name, entry.fingerprint, self._boot, self._clock.monotonic() + SESSION_S, secrets.token_hex(8)
        )
        cookie = seal(session, self._book.secret)
        return Visitor(name, entry.role, request_token(cookie, self._book.secret)), cookie

    @staticmethod
    def _check_open(name: str, wait: float) -> None:
        if wait > 0:
            seconds = int(wait) + 1
            message = f"too many wrong PINs for {name}; try again in {seconds} s or ask a supervisor"
            raise Refused(429, "locked", message, seconds=seconds)

    def unlock(self, name: str) -> None:
        """Lift a lockout."""
        with self._lock:
            self._lockout.clear(name)

    def session(self, request: Request) -> Visitor | None:
        """Return who the request's cookie belongs to, or None."""
        cookie = request.cookies.get(COOKIE, "")
        found = unseal(cookie, self._book.secret, self._boot, self._clock.monotonic()) if cookie else None
        entry = self._book.entries().get(found.name) if found else None
        if found is None or entry is None or entry.fingerprint != found.fingerprint:
            return None
        return Visitor(found.name, entry.role, request_token(cookie, self._book.secret))

    def visitor(self, request: Request) -> Visitor:
        """Return who asks, by cookie or bearer token. Raises Refused(401), or 403 for a change without its token."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if hmac.compare_digest(given.strip().encode(), self._api_token.encode()):
                return Visitor("", None)
            raise Refused(401, "bad-token", "this is not the station's token; it stands in api.token of its folder")
        visitor = self.session(request)
        if visitor is None:
            raise Refused(401, "login", "log in with name and PIN, or send the station's token")
        if request.method not in ("GET", "HEAD"):
            self._check_token(request)
        return visitor

    def knows(self, request: Request) -> bool:
        """Return whether the request would still be let in."""
        try:
            self.visitor(request)
        except Refused:
            return False
        return True

    def person(self, request: Request, role: Role | None = None) -> Visitor:
        """Return the person who asks. Raises Refused for programs, and for people without `role`."""
        visitor = self.visitor(request)
        if visitor.role is None:
            raise Refused(403, "no-person", "parts are decided by people; log in with name and PIN")
        if role is not None and visitor.role is not role:
            raise Refused(403, "role", f"this needs a {role.value}; {visitor.name} is {visitor.role.value}")
        return visitor

    def _check_token(self, request: Request) -> None:
        given = request.headers.get(TOKEN_HEADER, "")
        if not token_matches(given, request.cookies.get(COOKIE, ""), self._book.secret):
            raise Refused(403, "request-token", f"the header {TOKEN_HEADER} is missing or wrong; log in again")


def give_cookie(response: Response, cookie: str, secure: bool) -> None:
    """Put the session into the answer: out of scripts' reach, and never sent by other sites' pages."""
    response.set_cookie(
        COOKIE, cookie, max_age=int(SESSION_S), path="/", httponly=True, samesite="strict", secure=secure
    )


def load_api_token(path: Path) -> str:
    """Return the bearer token for programs, made at the first start (mode 0600). Raises ConfigError."""
    try:
        if not path.exists() or path.stat().st_size == 0:  # a full disk takes a name and no content
            replace_text(path, secrets.token_urlsafe(32) + "\n", 0o600)
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: no token for programs ({error.strerror}); make the folder writable") from error
    if len(token) < 20:
        raise ConfigError(f"{path}: holds no token; delete the file and start again")
    return token
