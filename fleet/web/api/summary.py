"""One answer for dashboards: devices, parts, rollouts, findings, tickets, alerts, models, latest events, in counts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.devices.presence import LOST_AFTER_MS
from fleet.monitoring import findings, tickets
from fleet.store import alerts
from fleet.store.monitoring_tables import Ticket
from fleet.store.tables import Counter, Device, Event, Model, Rollout
from fleet.web.api import rollouts
from fleet.web.auth import Server, Viewer

router = APIRouter(prefix="/api/v1/summary", tags=["summary"])

_ROLLOUTS, _EVENTS, _FINDINGS, _ALERTS = 5, 25, 50, 50
_TOLD = ("transition", "fault")


@router.get("")
def summary(context: Server, person: Viewer) -> dict[str, Any]:
    """Return how the fleet is doing now."""
    now = context.now_ms()
    with context.database.read() as session:
        return {
            "at_ms": now,
            "devices": _devices(session, now),
            "parts": _parts(session),
            "rollouts": [rollouts.as_json(session, row) for row in _latest_rollouts(session)],
            "findings": [findings.as_json(row) for row in findings.listing(session, [findings.OPEN], _FINDINGS)],
            "tickets": [_brief_ticket(row) for row in tickets.listing(session, "live")],
            "alerts": alerts.listing(session, _ALERTS),
            "alerts_open": alerts.count(session),
            "models": _models(session),
            "events": latest_events(session, None, _EVENTS),
        }


@router.get("/devices/{name}/events")
def device_events(name: str, context: Server, person: Viewer) -> dict[str, Any]:
    """Return the latest transitions and faults of one device."""
    with context.database.read() as session:
        return {"events": latest_events(session, name, _EVENTS)}


def _devices(session: Session, now: int) -> dict[str, Any]:
    enrolled = Device.revoked_ms.is_(None)
    there = (Device.online.is_(True), Device.last_seen_ms >= now - LOST_AFTER_MS)
    states = select(Device.state, func.count()).where(enrolled).group_by(Device.state)
    bundles = select(Device.running, func.count()).where(enrolled, Device.running.is_not(None)).group_by(Device.running)
    by_state = session.execute(states).tuples().all()
    return {
        "total": sum(count for _, count in by_state),
        "online": session.scalar(select(func.count()).select_from(Device).where(enrolled, *there)) or 0,
        "by_state": {state or "NEW": count for state, count in by_state},
        "by_bundle": dict(session.execute(bundles).tuples().all()),
    }


def _parts(session: Session) -> dict[str, int]:
    """Parts as the events tell them; those that wait for a person are in no event yet, but in the devices' health."""
    names = ("parts", "final.accept", "final.reject", "reviewed")
    counted = dict(
        session.execute(
            select(Counter.name, func.sum(Counter.value)).where(Counter.name.in_(names)).group_by(Counter.name)
        )
        .tuples()
        .all()
    )
    return {
        "inspected": int(counted.get("parts", 0)),
        "accept": int(counted.get("final.accept", 0)),
        "reject": int(counted.get("final.reject", 0)),
        "review_open": sum(_undecided(health) for health in session.scalars(select(Device.health)) if health),
        "reviewed": int(counted.get("reviewed", 0)),
    }


def _undecided(health: dict[str, Any]) -> int:
    counters = health.get("counters", {})
    decided = counters.get("final.accept", 0) + counters.get("final.reject", 0)
    return max(0, int(counters.get("parts", 0)) - int(decided))


def _latest_rollouts(session: Session) -> list[Rollout]:
    return list(session.scalars(select(Rollout).order_by(Rollout.created_ms.desc(), Rollout.id).limit(_ROLLOUTS)))


def _brief_ticket(row: Ticket) -> dict[str, Any]:
    full = tickets.as_json(row)
    evidence = full.pop("evidence")
    return {**full, "text": evidence.get("text", ""), "parts": evidence.get("parts", 0)}


def _models(session: Session) -> list[dict[str, Any]]:
    rows = session.scalars(select(Model).where(Model.revert.is_(False)).order_by(Model.name, Model.release.desc()))
    return [
        {
            "name": row.name,
            "version": row.version,
            "release": row.release,
            "bundle": row.bundle,
            "blessed": row.blessed,
            "published_ms": row.published_ms,
        }
        for row in rows.all()[:20]
    ]


def latest_events(session: Session, device: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the latest transitions and faults (of one device), newest first, each with a sentence."""
    chosen = select(Event).where(Event.kind.in_(_TOLD)).order_by(Event.id.desc()).limit(limit)
    if device is not None:
        chosen = chosen.where(Event.device == device)
    return [
        {"at_ms": row.received_ms, "device": row.device, "kind": row.kind, **_said(row.kind, row.data)}
        for row in session.scalars(chosen)
    ]


def _said(kind: str, data: dict[str, Any]) -> dict[str, str]:
    if kind == "transition":
        return {"text": str(data.get("reason", "")), "state": str(data["after"])}
    detail = f": {data['detail']}" if data.get("detail") else ""
    return {"text": f"{data.get('code', '')}{detail}", "state": "FAILED" if data.get("active") else "READY"}
