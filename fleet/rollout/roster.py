"""Which devices are in scope, where they stand, and how the parts they inspected turned out: queries, no decisions."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from fleet.rollout.plan import Candidate
from fleet.rollout.transitions import WAITING, DeviceStatus, RolloutState
from fleet.store.tables import Counter, Device, Rollout, RolloutDevice

_AT_ONCE = 500
_NEWEST = (Rollout.created_ms.desc(), Rollout.id.desc())
PART_FAILURES = ("reason.model-error", "reason.late", "reason.overrun")
"""Verdicts that a model brings about without looking at the part: it broke, or it was too slow."""


def matches(device: Device, scope: Mapping[str, str]) -> bool:
    """True where a device fulfils all conditions."""
    plain = {"site": device.site, "line": device.line, "device_class": device.device_class, "device": device.id}
    return all(
        (device.tags.get(key[4:]) if key.startswith("tag.") else plain[key]) == value for key, value in scope.items()
    )


def in_scope(session: Session, scope: Mapping[str, str]) -> list[Device]:
    """Return the enrolled devices that fulfil all conditions."""
    devices = session.scalars(select(Device).where(Device.revoked_ms.is_(None)).order_by(Device.id))
    return [device for device in devices if matches(device, scope)]


def candidates(devices: list[Device]) -> list[Candidate]:
    """Return the devices as the plan sees them."""
    return [Candidate(d.id, d.site, d.line, d.device_class, d.online) for d in devices]


def live(session: Session) -> list[Rollout]:
    """Return the rollouts that still matter, newest first: those under way, and the finished ones down to the first
    whose scope is everything."""
    states = (RolloutState.RUNNING.value, RolloutState.DONE.value)
    found: list[Rollout] = []
    for rollout in session.scalars(select(Rollout).where(Rollout.state.in_(states)).order_by(*_NEWEST)):
        found.append(rollout)
        if rollout.state == RolloutState.DONE.value and not rollout.scope:
            break
    return found


def busy(session: Session) -> bool:
    """True while a rollout runs or a device owes an answer."""
    running = select(Rollout.id).where(Rollout.state == RolloutState.RUNNING.value)
    owing = select(RolloutDevice.device).where(RolloutDevice.status.in_([status.value for status in WAITING]))
    return any(session.execute(query.limit(1)).first() is not None for query in (running, owing))


def pending(session: Session, rollout: Rollout, most: int) -> list[tuple[RolloutDevice, Device]]:
    """Return up to `most` devices whose stage has come and that were not asked yet."""
    rows = session.execute(
        select(RolloutDevice, Device)
        .join(Device, Device.id == RolloutDevice.device)
        .where(RolloutDevice.rollout == rollout.id, RolloutDevice.stage <= rollout.stage)
        .where(RolloutDevice.status == DeviceStatus.PENDING.value, Device.revoked_ms.is_(None))
        .limit(most)
    )
    return [(row, device) for row, device in rows.all()]


def without_row(session: Session, rollout: Rollout) -> list[Device]:
    """Return the devices in scope that do not take part yet: they came later."""
    part = exists().where(and_(RolloutDevice.device == Device.id, RolloutDevice.rollout == rollout.id))
    devices = session.scalars(select(Device).where(Device.revoked_ms.is_(None), ~part).order_by(Device.id))
    return [device for device in devices if matches(device, rollout.scope)]


def counts(session: Session, rollout: str, *conditions: ColumnElement[bool]) -> dict[DeviceStatus, int]:
    """Return how many devices of a rollout stand where."""
    rows = session.execute(
        select(RolloutDevice.status, func.count())
        .where(RolloutDevice.rollout == rollout, *conditions)
        .group_by(RolloutDevice.status)
    )
    return {DeviceStatus(status): int(number) for status, number in rows}


def part_failures(session: Session, rollout: Rollout) -> tuple[int, int] | None:
    """Return (failed, inspected) parts under the new bundle since it was offered, on the devices that committed it.

    None where nobody has counted anything yet.
    """
    rows = session.execute(
        select(Counter.name, func.sum(Counter.value))
        .join(RolloutDevice, and_(RolloutDevice.device == Counter.device, RolloutDevice.rollout == rollout.id))
        .where(RolloutDevice.status == DeviceStatus.COMMITTED.value, Counter.bundle == rollout.bundle)
        .where(Counter.name.in_(("parts", *PART_FAILURES)))
        .group_by(Counter.name)
    )
    totals = Tally({name: int(value) for name, value in rows})
    before = session.execute(
        select(func.sum(RolloutDevice.failures_before), func.sum(RolloutDevice.parts_before)).where(
            RolloutDevice.rollout == rollout.id, RolloutDevice.status == DeviceStatus.COMMITTED.value
        )
    ).one()
    failed = sum(totals[name] for name in PART_FAILURES) - int(before[0] or 0)
    return (failed, totals["parts"] - int(before[1] or 0)) if totals else None


def parts_so_far(session: Session, devices: Sequence[str], bundle: str) -> dict[str, tuple[int, int]]:
    """Return (failed, inspected) parts under a bundle until now, of each device that has any."""
    found: dict[str, Tally[str]] = defaultdict(Tally)
    for start in range(0, len(devices), _AT_ONCE):
        chosen = Counter.device.in_(devices[start : start + _AT_ONCE])
        query = select(Counter.device, Counter.name, Counter.value).where(chosen, Counter.bundle == bundle)
        for device, name, value in session.execute(query):
            found[device][name] += int(value)
    return {device: (sum(t[name] for name in PART_FAILURES), t["parts"]) for device, t in found.items()}
