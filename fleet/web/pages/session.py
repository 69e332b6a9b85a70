"""Logging in and out: the token becomes a cookie that scripts cannot read and other sites cannot send."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from fleet.context import Context
from fleet.web.auth import COOKIE, Person, context_of, person_of
from fleet.web.pages.render import page

router = APIRouter()
Parts = Annotated[Context, Depends(context_of)]
_DAYS_30 = 30 * 24 * 3600


def visitor(request: Request, context: Parts) -> Person | None:
    """Return who is logged in, or None (use as a dependency)."""
    token = request.cookies.get(COOKIE, "")
    return person_of(context, token) if token else None


def local_path(target: str) -> str:
    """Return `target` where it is a path on this server, else the start page: no login leads to another site."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain else "/"


@router.get("/login")
def login_form(next: str = "/") -> Response:
    """Show the form."""
    return page("login.html", target=local_path(next), error="")


@router.post("/login")
def login(
    request: Request, context: Parts, token: Annotated[str, Form()] = "", target: Annotated[str, Form()] = "/"
) -> Response:
    """Set the cookie and go where the person wanted to go."""
    token = token.strip()
    if not token or person_of(context, token) is None:
        error = "This token is not known. The first one is in admin.token in the fleet's folder."
        return page("login.html", 401, target=local_path(target), error=error)
    answer = RedirectResponse(local_path(target), 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, max_age=_DAYS_30, httponly=True, samesite="strict", secure=secure)
    return answer


@router.post("/logout")
def logout() -> Response:
    """Forget the cookie."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
