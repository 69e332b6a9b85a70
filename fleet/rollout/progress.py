"""What devices say, written into the rollouts they take part in, within the transaction that stores what they said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from edge_agent.contracts.events import Transition
from edge_agent.contracts.messages import Reported
from fleet.rollout.parts import BESIDE
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

_AT_ONCE = 500


class Progress:
    """The places of the devices of one transaction, read at once: a question per message is what a rollout waits for.

    `asked` are the devices and the generations that their messages speak of.
    """

    def __init__(self, session: Session, asked: Iterable[tuple[str, int]]) -> None:
        self._rows: dict[str, list[RolloutDevice]] = defaultdict(list)
        wanted = sorted({(device, generation) for device, generation in asked if generation >= 1})
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            self._read(session, {device for device, _ in some}, {generation for _, generation in some})
        names = {row.rollout for rows in self._rows.values() for row in rows}
        found = session.scalars(select(Rollout).where(Rollout.id.in_(names))) if names else ()
        self._rollouts = {rollout.id: rollout for rollout in found}

    def _read(self, session: Session, devices: set[str], generations: set[int]) -> None:
        spoken = or_(RolloutDevice.generation.in_(generations), RolloutDevice.revert_generation.in_(generations))
        for row in session.scalars(select(RolloutDevice).where(RolloutDevice.device.in_(devices), spoken)):
            if row not in self._rows[row.device]:
                self._rows[row.device].append(row)

    def report(self, device: str, reported: Reported, now_ms: int) -> bool:
        """Take a device's whole state; return whether it moved anywhere."""

        def seen(model: str) -> Sighting:
            found = reported.installed(model)
            return Sighting(reported.generation, reported.state, found.bundle if found else None, whole=True)

        return self._note(device, reported.generation, seen, reported.reason, now_ms)

    def transit(self, device: str, transition: Transition, now_ms: int) -> bool:
        """Take a move of the update on a device; return whether it moved anywhere."""
        seen = Sighting(transition.generation, transition.after)
        return self._note(device, transition.generation, lambda model: seen, transition.reason, now_ms)

    def _note(self, device: str, generation: int, seen: Callable[[str], Sighting], reason: str, now_ms: int) -> bool:
        """Move the device within the rollouts that its sighting, by the rollout's model, belongs to."""
        moved = False
        for row in self._rows.get(device, ()):
            if generation < 1 or generation not in (row.generation, row.revert_generation):
                continue
            rollout = self._rollouts[row.rollout]
            before = DeviceStatus(row.status)
            after = observe(_place(row, rollout), seen(rollout.name))
            if after is not before:
                _move(row, before, after, reason, now_ms)
                _reopen(rollout, row, after)
                moved = True
        return moved


def _place(row: RolloutDevice, rollout: Rollout) -> Place:
    previous = row.previous["bundle"] if row.previous else None
    beside = rollout.settings["strategy"] in BESIDE
    return Place(DeviceStatus(row.status), row.generation, rollout.bundle, row.revert_generation, previous, beside)


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
