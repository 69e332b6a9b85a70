"""The live model on newly labelled parts: its labels for a trainer, and what the trainer found."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from edge_agent.contracts.encoding import Digest
from fleet.monitoring import tickets
from fleet.monitoring.status import settings_of
from fleet.people.live import LiveEvaluation, live_labels, take_in
from fleet.web.auth import Operator, Server, Viewer, audit

router = APIRouter(prefix="/api/v1/live", tags=["live"])


@router.get("/{bundle}/labels.csv", response_class=Response)
def labels_csv(
    bundle: Digest, context: Server, person: Viewer, since: Annotated[int, Query(ge=0, le=1 << 60)] = 0
) -> Response:
    """Return the parts that this bundle judged and people reviewed since then, as a ticket's `labels.csv`."""
    with context.database.read() as session:
        text = live_labels(session, bundle, since).csv()
    return Response(text, media_type="text/csv; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


@router.post("/evaluations")
def evaluated(found: LiveEvaluation, context: Server, person: Operator) -> dict[str, Any]:
    """Take in what a trainer measured; a broken bound opens a ticket, or joins the live one, unless it cools down."""
    now = context.now_ms()
    policy = settings_of(context.home.folder).tickets
    with context.database.begin() as session:
        opened = take_in(session, found, policy, now)
        audit(session, now, person, "live.evaluated", found.bundle[:12], broken=found.broken, text=found.text[:300])
        return {"tickets": [tickets.as_json(ticket) for ticket in opened]}
