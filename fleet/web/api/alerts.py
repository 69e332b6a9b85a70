"""Alerts: what a person should look at, and closing what was looked at."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from fleet.store import alerts
from fleet.store.tables import Device
from fleet.web.auth import NotFound, Operator, Server, Viewer, audit

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
AlertId = Annotated[int, Path(ge=1, lt=1 << 63)]


@router.get("")
def list_alerts(context: Server, person: Viewer) -> list[dict[str, Any]]:
    """Return the open alerts, what happened last first."""
    with context.database.read() as session:
        return alerts.listing(session)


@router.post("/{alert_id}/close")
def close_alert(alert_id: AlertId, context: Server, person: Operator) -> dict[str, Any]:
    """Close an alert and return it; it opens again when the same thing happens again."""
    now = context.now_ms()
    with context.database.begin() as session:
        alert = alerts.close(session, alert_id, now)
        if alert is None:
            raise NotFound(f"there is no alert {alert_id}; 'fleet alerts' lists the open ones")
        audit(session, now, person, "alert.close", str(alert_id), kind=alert.kind, about=alert.subject)
        device = session.get(Device, alert.subject)
        return alerts.as_json(alert, device.id if device else None)
