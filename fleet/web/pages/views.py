"""One address per page. Who is not logged in is sent to the form first."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from fleet.web.auth import Person
from fleet.web.pages.render import page
from fleet.web.pages.session import visitor

router = APIRouter()
Visitor = Annotated[Person | None, Depends(visitor)]


def _show(request: Request, person: Person | None, name: str, subject: str = "") -> Response:
    if person is None:
        return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
    return page(f"{name}.html", name=name, subject=subject, person=person)


@router.get("/")
def overview(request: Request, person: Visitor) -> Response:
    """How the fleet is doing."""
    return _show(request, person, "overview")


@router.get("/devices")
def devices(request: Request, person: Visitor) -> Response:
    """All devices."""
    return _show(request, person, "devices")


@router.get("/devices/{subject}")
def device(subject: str, request: Request, person: Visitor) -> Response:
    """One device."""
    return _show(request, person, "device", subject)


@router.get("/rollouts")
def rollouts(request: Request, person: Visitor) -> Response:
    """All rollouts."""
    return _show(request, person, "rollouts")


@router.get("/rollouts/{subject}")
def rollout(subject: str, request: Request, person: Visitor) -> Response:
    """One rollout."""
    return _show(request, person, "rollout", subject)


@router.get("/drift")
def drift(request: Request, person: Visitor) -> Response:
    """What monitoring found."""
    return _show(request, person, "drift")


@router.get("/tickets")
def tickets(request: Request, person: Visitor) -> Response:
    """Retrain tickets."""
    return _show(request, person, "tickets")


@router.get("/tickets/{subject}")
def ticket(subject: str, request: Request, person: Visitor) -> Response:
    """One ticket."""
    return _show(request, person, "ticket", subject)
