"""Alerts: one open row per kind and subject, however often the thing happens."""

from __future__ import annotations

from sqlalchemy.orm import Session

from fleet.store.database import insert
from fleet.store.tables import Alert


def raise_alert(session: Session, kind: str, subject: str, text: str, now_ms: int) -> None:
    """Open an alert, or count it once more; one that a person closed opens again."""
    row = insert(session, Alert).values(
        kind=kind, subject=subject[:200], text=text, first_ms=now_ms, last_ms=now_ms, times=1
    )
    again = {"text": row.excluded.text, "last_ms": row.excluded.last_ms, "times": Alert.times + 1, "closed_ms": None}
    session.execute(row.on_conflict_do_update(index_elements=["kind", "subject"], set_=again))
