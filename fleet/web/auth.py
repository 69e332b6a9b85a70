"""Who is asking: people and programs by token (header or cookie), devices by their password.

`require("operator")` as a dependency gives a `Person` and refuses everyone with fewer rights; `device` gives the name
of the device that proved itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from edge_agent.contracts.errors import Rejected
from fleet.context import Context
from fleet.store.tables import Audit, Token

COOKIE = "lineside"
PAGE_HEADER = "x-lineside"
"""What our pages send with every request; it proves that a request with the cookie came from them."""
ROLES = ("viewer", "operator", "admin")
"""Each may do what those before it may."""


class Unauthorised(Rejected):
    """Nobody, or nobody we know: HTTP 401."""


class Forbidden(Rejected):
    """Known, but without the right: HTTP 403."""


class NotFound(Rejected):
    """No such thing: HTTP 404."""


@dataclass(frozen=True)
class Person:
    """Who holds the token."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """True where this person's role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


def context_of(request: Request) -> Context:
    """Return the running server's parts (use as a dependency)."""
    context: Context = request.app.state.context
    return context


def token_digest(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_token(session: Session, token: str, name: str, role: str, now_ms: int) -> None:
    """Let a token in; one that is known stays as it is."""
    if session.get(Token, token_digest(token)) is None:
        session.add(Token(digest=token_digest(token), name=name, role=role, created_ms=now_ms))


def person_of(context: Context, token: str) -> Person | None:
    """Return who holds a token, or None."""
    with context.database.read() as session:
        row = session.get(Token, token_digest(token))
        return Person(row.name, row.role) if row is not None and row.revoked_ms is None else None


def _token(request: Request) -> str:
    """The token sent as a header; or the cookie, but for changes only with a header that no other site can send."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    ours = request.method in ("GET", "HEAD") or PAGE_HEADER in request.headers
    return request.cookies.get(COOKIE, "") if ours else ""


def require(role: str) -> Any:
    """Return a dependency that gives the Person asking, who has at least `role`. Raises Unauthorised, Forbidden."""

    def check(request: Request) -> Person:
        token = _token(request)
        person = person_of(context_of(request), token) if token else None
        if person is None:
            raise Unauthorised("no valid token; log in, or send 'Authorization: Bearer TOKEN'")
        if not person.may(role):
            raise Forbidden(f"{person.name} is {person.role}, this needs {role}; ask an admin for a token")
        return person

    return Depends(check)


def device(request: Request) -> str:
    """Return the name of the device that proved itself by HTTP Basic. Raises Unauthorised."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, password = "", ""
    if scheme.lower() != "basic" or not context_of(request).enrolment.identify(name, password):
        raise Unauthorised("device name or password is wrong; enrol the device again")
    return name


def device_or_person(request: Request) -> str:
    """Return the name of a device or, for a bearer token of any role, of a person."""
    if request.headers.get("authorization", "").lower().startswith("basic "):
        return device(request)
    check: Callable[[Request], Person] = require("viewer").dependency
    return check(request).name


Server = Annotated[Context, Depends(context_of)]
"""A parameter that is the running server's parts."""
Viewer = Annotated[Person, require("viewer")]
Operator = Annotated[Person, require("operator")]
Admin = Annotated[Person, require("admin")]
"""Parameters that are the person asking, who has at least that role."""
DeviceName = Annotated[str, Depends(device)]
Reader = Annotated[str, Depends(device_or_person)]
"""Parameters that are the name of the device, or of the device or person, that is asking."""


def audit(session: Session, now_ms: int, person: Person, action: str, subject: str, **detail: Any) -> None:
    """Note in the caller's transaction who did what."""
    session.add(Audit(at_ms=now_ms, actor=person.name, action=action, subject=subject, detail=detail))


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)
