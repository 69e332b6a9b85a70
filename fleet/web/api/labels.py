"""The labels behind a ticket, for the trainer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from fleet.context import Context
from fleet.people.export import Labels, ticket_labels
from fleet.store.monitoring_tables import Ticket
from fleet.web.auth import NotFound, Server, Viewer

router = APIRouter(prefix="/api/v1/tickets", tags=["tickets"])


@router.get("/{ticket_id}/labels.csv", response_class=Response)
def labels_csv(ticket_id: str, context: Server, person: Viewer) -> Response:
    """Return the reviewed parts as `image,mask,part,exposure,label,split_hint`; one row and one label a part."""
    text = _labels(context, ticket_id).csv()
    return Response(text, media_type="text/csv; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


@router.get("/{ticket_id}/labels")
def labels(ticket_id: str, context: Server, person: Viewer) -> dict[str, Any]:
    """Return the same for a page: counts, what was left out and why, and the latest parts."""
    made = _labels(context, ticket_id)
    counts: dict[str, int] = {}
    for part in made.parts:
        counts[part.label] = counts.get(part.label, 0) + 1
    latest = [{"part": p.key.name, "label": p.label, "image": p.image} for p in made.parts[-60:]]
    left_out = {reason.value: count for reason, count in made.skipped.items()}
    return {"parts": len(made.parts), "counts": counts, "left_out": left_out, "latest": latest}


def _labels(context: Context, ticket_id: str) -> Labels:
    with context.database.read() as session:
        ticket = session.get(Ticket, ticket_id)
        if ticket is None:
            raise NotFound(f"there is no ticket '{ticket_id[:63]}'; see 'fleet tickets list'")
        return ticket_labels(session, ticket)
