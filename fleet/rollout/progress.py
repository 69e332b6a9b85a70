"""What devices say, written into the rollouts they take part in, within the transaction that stores what they said."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from fleet.rollout.transitions import (
    WAITING,
    DeviceStatus,
    Place,
    RolloutState,
    Sighting,
    after_action,
    observe,
)
from fleet.rollout.transitions import Action as RolloutAction
from fleet.store.tables import Rollout, RolloutDevice


def note(session: Session, device: str, seen: Sighting, reason: str, now_ms: int) -> bool:
    """Move the device within the rollouts that its sighting belongs to; return whether anything moved."""
    if seen.generation < 1:
        return False
    rows = session.scalars(
        select(RolloutDevice).where(
            RolloutDevice.device == device,
            or_(RolloutDevice.generation == seen.generation, RolloutDevice.revert_generation == seen.generation),
        )
    )
    moved = False
    for row in list(rows):
        rollout = session.get_one(Rollout, row.rollout)
        before = DeviceStatus(row.status)
        after = observe(_place(row, rollout), seen)
        if after is not before:
            _move(row, before, after, reason, now_ms)
            _reopen(rollout, row, after)
            moved = True
    return moved


def _place(row: RolloutDevice, rollout: Rollout) -> Place:
    previous = row.previous["bundle"] if row.previous else None
    return Place(DeviceStatus(row.status), row.generation, rollout.bundle, row.revert_generation, previous)


def _move(row: RolloutDevice, before: DeviceStatus, after: DeviceStatus, reason: str, now_ms: int) -> None:
    row.status = after.value
    row.reason = reason[:500]
    if before is DeviceStatus.UNREACHABLE and after in WAITING:
        row.offered_ms = now_ms  # it was away; its time to answer begins now
    row.settled_ms = None if after in WAITING else now_ms


def _reopen(rollout: Rollout, row: RolloutDevice, after: DeviceStatus) -> None:
    """A device that falls back after success takes the success back."""
    if after is DeviceStatus.REVERTED and rollout.state == RolloutState.DONE.value:
        rollout.state = after_action(RolloutState.DONE, RolloutAction.REOPEN).value
        rollout.ended_ms = None
        rollout.reason = f"{row.device} fell back after it had committed"
