"""Who is at the page: signed sessions, their request token, and the lockout after wrong PINs. No I/O.

A session holds for one run of the station (`boot`) and is measured on the monotonic clock, so that neither a clock
that jumps nor a cookie kept from last week logs anybody in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from edge_agent.backoff import doubling

SESSION_S = 12 * 3600.0


@dataclass(frozen=True)
class Session:
    """What a cookie says; `fingerprint` ties it to the PIN it was opened with, `until` is monotonic seconds."""

    name: str
    fingerprint: str
    boot: str
    until: float
    nonce: str


def seal(session: Session, secret: bytes) -> str:
    """Return the cookie's value: the session and its HMAC-SHA256."""
    body = _text(json.dumps(vars(session), sort_keys=True).encode())
    return f"{body}.{_sign(secret, 'session', body)}"


def unseal(cookie: str, secret: bytes, boot: str, now: float) -> Session | None:
    """Return the session of a cookie, or None where it is forged, of another boot, or over."""
    body, _, signature = cookie.partition(".")
    if not hmac.compare_digest(signature.encode(), _sign(secret, "session", body).encode()):
        return None
    try:
        session = Session(**json.loads(_bytes(body)))
    except (ValueError, TypeError, binascii.Error):
        return None
    return session if session.boot == boot and session.until > now else None


def request_token(cookie: str, secret: bytes) -> str:
    """Return the token that a page of this session must send along with every change."""
    return _sign(secret, "request", cookie)


def token_matches(given: str, cookie: str, secret: bytes) -> bool:
    """True if `given` is the request token of the cookie."""
    return hmac.compare_digest(given.encode(), request_token(cookie, secret).encode())


def _sign(secret: bytes, purpose: str, body: str) -> str:
    return _text(hmac.new(secret, f"{purpose}:{body}".encode(), hashlib.sha256).digest())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Lockout:
    """Wrong PINs in a row per name; from `tries` on the name is closed for a time that doubles up to `longest_s`."""

    tries: int = 5
    first_s: float = 30.0
    longest_s: float = 900.0
    _wrong: dict[str, int] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def wait_s(self, name: str, now: float) -> float:
        """Return for how many seconds more the name is closed; 0 when it is open."""
        return max(0.0, self._until.get(name, 0.0) - now)

    def failed(self, name: str, now: float) -> int:
        """Note a wrong PIN; return how many tries are left before the name closes (0: it is closed now)."""
        wrong = self._wrong.get(name, 0) + 1
        self._wrong[name] = wrong
        left = self.tries - wrong
        if left <= 0:
            self._until[name] = now + doubling(self.first_s, self.longest_s, -left)
        return max(0, left)

    def clear(self, name: str) -> None:
        """Forget the wrong PINs: the right one was given, or a supervisor lifted the lockout."""
        self._wrong.pop(name, None)
        self._until.pop(name, None)
