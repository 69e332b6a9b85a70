"""Devices: list, one, enrol, revoke."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from edge_agent.contracts.strict import Strict
from fleet.devices.enrolment import NewDevice
from fleet.devices.presence import Seen, status
from fleet.monitoring.demands import asked_now
from fleet.rollout.parts import asked_share
from fleet.store.tables import Counter, Device, Quarantine
from fleet.web.auth import Admin, NotFound, Server, Viewer, audit

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


_LATEST = 10


class NewDevices(Strict):
    """Devices to be enrolled together."""

    devices: Annotated[tuple[NewDevice, ...], Field(min_length=1, max_length=500)]


def as_json(device: Device, now_ms: int, refused: int) -> dict[str, Any]:
    """Return what a list of devices shows; `refused` counts its messages that could not be taken in."""
    seen = Seen(device.online, device.presence_boot, device.presence_session)
    desired = device.desired or {}
    return {
        "id": device.id,
        "site": device.site,
        "line": device.line,
        "device_class": device.device_class,
        "tags": device.tags,
        "status": status(seen, device.last_seen_ms, now_ms, device.revoked_ms is not None).value,
        "state": device.state or None,
        "running": device.running,
        "running_release": device.running_release,
        "recipe": (device.reported or {}).get("recipe"),
        "recipes": (device.reported or {}).get("recipes", {}),
        "desired": desired.get("model"),
        "generation": device.generation,
        "desired_generation": device.desired_generation,
        "last_seen_ms": device.last_seen_ms,
        "enrolled_ms": device.enrolled_ms,
        "ready": bool((device.reported or {}).get("ready")),
        "refused": refused,
    }


def _refused(session: Session, device: str | None = None) -> dict[str, int]:
    """Return how many messages of each device, or of this one, could not be taken in."""
    chosen = Quarantine.device.is_not(None) if device is None else Quarantine.device == device
    query = select(Quarantine.device, func.count()).where(chosen).group_by(Quarantine.device)
    return {str(name): count for name, count in session.execute(query)}


def _refusals(session: Session, device: str) -> list[dict[str, Any]]:
    """Return the latest messages of a device that could not be taken in, and why."""
    query = select(Quarantine).where(Quarantine.device == device).order_by(Quarantine.id.desc()).limit(_LATEST)
    return [
        {"channel": row.topic.rsplit("/", 1)[-1], "reason": row.reason, "times": row.times, "first_ms": row.received_ms}
        for row in session.scalars(query)
    ]


def _asked(device: Device) -> dict[str, Any]:
    """Return what open tickets ask of a device: the share of audited parts, and why its model is mistrusted."""
    now = asked_now(device.desired)
    return {"audit": now.audit, "caution": now.caution.model_dump(mode="json") if now.caution is not None else None}


@router.get("")
def list_devices(context: Server, person: Viewer, site: str | None = None) -> dict[str, Any]:
    """All devices, or those of one site."""
    with context.database.read() as session:
        query = select(Device).order_by(Device.site, Device.line, Device.id)
        rows = session.scalars(query if site is None else query.where(Device.site == site))
        refused, now_ms = _refused(session), context.now_ms()
        return {"devices": [as_json(row, now_ms, refused.get(row.id, 0)) for row in rows]}


@router.get("/{device_id}")
def show_device(device_id: str, context: Server, person: Viewer) -> dict[str, Any]:
    """One device with what it last reported and what it has counted."""
    with context.database.read() as session:
        device = session.get(Device, device_id)
        if device is None:
            raise NotFound(f"no device '{device_id}'; 'fleet devices' lists all")
        counters: dict[str, int] = {}
        for name, value in session.execute(select(Counter.name, Counter.value).where(Counter.device == device_id)):
            counters[name] = counters.get(name, 0) + int(value)
        detail = {"reported": device.reported, "health": device.health, "counters": counters}
        detail |= {"parts": asked_share(device), "asked": _asked(device)}
        refusals = _refusals(session, device_id)
        known = as_json(device, context.now_ms(), _refused(session, device_id).get(device_id, 0))
        return {**known, **detail, "refusals": refusals}


@router.post("", status_code=201)
def enrol(new: NewDevice, context: Server, person: Admin) -> dict[str, Any]:
    """Enrol a device; the answer is its credentials file, which is shown this once."""
    credentials = context.enrolment.enrol(new)
    with context.database.begin() as session:
        audit(session, context.now_ms(), person, "device.enrol", new.device, site=new.site, renew=new.renew)
    context.commander.welcome()
    return credentials.model_dump(mode="json")


@router.post("/batch", status_code=201)
def enrol_batch(batch: NewDevices, context: Server, person: Admin) -> dict[str, Any]:
    """Enrol many devices at once, all or none; the answer is their credentials, in the same order."""
    credentials = context.enrolment.enrol_all(batch.devices)
    with context.database.begin() as session:
        for new in batch.devices:
            audit(session, context.now_ms(), person, "device.enrol", new.device, site=new.site, renew=new.renew)
    context.commander.welcome()
    return {"credentials": [one.model_dump(mode="json") for one in credentials]}


@router.post("/{device_id}/revoke")
def revoke(device_id: str, context: Server, person: Admin) -> dict[str, Any]:
    """Shut a device out of broker and registry."""
    context.enrolment.revoke(device_id)
    with context.database.begin() as session:
        audit(session, context.now_ms(), person, "device.revoke", device_id)
    return {"device": device_id, "status": "revoked"}
