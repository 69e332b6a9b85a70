"""What monitoring found: findings with their evidence, and the budget that the alarms are held to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from fleet.monitoring import findings
from fleet.monitoring.status import coverage
from fleet.store.monitoring_tables import Finding
from fleet.web.auth import NotFound, Server, Viewer

router = APIRouter(prefix="/api/v1/drift", tags=["drift"])


@router.get("")
def list_findings(context: Server, person: Viewer) -> dict[str, Any]:
    """Return all findings, newest first, and what is watched with which false-alarm budget."""
    with context.database.read() as session:
        rows = findings.listing(session)
        watched = coverage(session, context.home.folder, context.now_ms())
        return {"findings": [findings.as_json(row) for row in rows], **watched}


@router.get("/{finding_id}")
def show_finding(finding_id: int, context: Server, person: Viewer) -> dict[str, Any]:
    """Return one finding with histograms of what moved and its evidence over time."""
    with context.database.read() as session:
        row = session.get(Finding, finding_id)
        if row is None:
            raise NotFound(f"there is no finding {finding_id}; see /api/v1/drift")
        return {
            **findings.as_json(row),
            "charts": row.charts,
            "time_line": findings.time_line(session, row),
        }
