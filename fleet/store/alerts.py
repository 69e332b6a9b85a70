"""Alerts: one open row per kind and subject, however often the thing happens."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.store.database import insert
from fleet.store.tables import Alert, Device


def raise_alert(session: Session, kind: str, subject: str, text: str, now_ms: int) -> None:
    """Open an alert, or count it once more; one that a person closed opens again."""
    row = insert(session, Alert).values(
        kind=kind, subject=subject[:200], text=text, first_ms=now_ms, last_ms=now_ms, times=1
    )
    again = {"text": row.excluded.text, "last_ms": row.excluded.last_ms, "times": Alert.times + 1, "closed_ms": None}
    session.execute(row.on_conflict_do_update(index_elements=["kind", "subject"], set_=again))


def close(session: Session, alert_id: int, now_ms: int) -> Alert | None:
    """Close an alert and return it, None where there is none; one that is closed already keeps its time."""
    alert = session.get(Alert, alert_id)
    if alert is not None and alert.closed_ms is None:
        alert.closed_ms = now_ms
    return alert


def listing(session: Session, limit: int | None = None) -> list[dict[str, Any]]:
    """Return the open alerts (the latest `limit` of them) as the API shows them, what happened last first."""
    newest = select(Alert, Device.id).outerjoin(Device, Device.id == Alert.subject).where(Alert.closed_ms.is_(None))
    rows = session.execute(newest.order_by(Alert.last_ms.desc(), Alert.id.desc()).limit(limit)).tuples()
    return [as_json(alert, device) for alert, device in rows]


def count(session: Session) -> int:
    """Return how many alerts are open."""
    return session.scalar(select(func.count()).select_from(Alert).where(Alert.closed_ms.is_(None))) or 0


def as_json(alert: Alert, device: str | None) -> dict[str, Any]:
    """Return the alert as the API shows it; `device` names its subject where that is a device of this fleet."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "subject": alert.subject,
        "device": device,
        "text": alert.text,
        "first_ms": alert.first_ms,
        "last_ms": alert.last_ms,
        "times": alert.times,
        "closed_ms": alert.closed_ms,
    }
