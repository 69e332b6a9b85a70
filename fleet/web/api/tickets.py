"""Retrain tickets: what waits, what a person decided, what the trainer made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from edge_agent.contracts.messages import Lenient
from fleet.monitoring import tickets
from fleet.store.monitoring_tables import Ticket
from fleet.web.auth import NotFound, Operator, Server, Viewer, audit

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])
Action = Literal["approve", "claim", "release", "served", "dismiss"]


class Move(Lenient):
    """What may be said when a ticket moves: a note, and for `served` what came of it."""

    note: Annotated[str, Field(max_length=500)] = ""
    model: Annotated[str, Field(max_length=63)] = ""
    version: Annotated[str, Field(max_length=63)] = ""
    run: Annotated[str, Field(max_length=200)] = ""


@router.get("")
def list_tickets(context: Server, person: Viewer, state: str | None = None) -> list[dict[str, Any]]:
    """Return the tickets, newest first; `state` may be one state, or `live` for all that wait for something."""
    with context.database.read() as session:
        return [tickets.as_json(ticket) for ticket in tickets.listing(session, state)]


@router.get("/{ticket_id}")
def show_ticket(ticket_id: str, context: Server, person: Viewer) -> dict[str, Any]:
    """Return one ticket with its evidence."""
    with context.database.read() as session:
        ticket = session.get(Ticket, ticket_id)
        if ticket is None:
            raise NotFound(f"there is no ticket '{ticket_id[:63]}'; see 'fleet tickets list'")
        return tickets.as_json(ticket)


@router.post("/{ticket_id}/{action}")
def move_ticket(
    ticket_id: str, action: Action, context: Server, person: Operator, body: Move | None = None
) -> dict[str, Any]:
    """Approve, claim, release, serve or dismiss a ticket and return it."""
    said = body.model_dump(exclude_defaults=True) if body else {}
    now = context.now_ms()
    with context.database.begin() as session:
        if session.get(Ticket, ticket_id) is None:
            raise NotFound(f"there is no ticket '{ticket_id[:63]}'; see 'fleet tickets list'")
        ticket = tickets.act(session, ticket_id, action, person.name, said, now)
        audit(session, now, person, f"ticket.{action}", ticket_id, **said)
        return tickets.as_json(ticket)
