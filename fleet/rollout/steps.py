"""One look at one rollout within a transaction: deadlines, newcomers, gates, the next stage."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.rollout import roster
from fleet.rollout.gates import Gate, Move, decide, health_gate, install_gate, unheard_gate
from fleet.rollout.offers import Offers, Outgoing
from fleet.rollout.transitions import WAITING, Action, DeviceStatus, RolloutState, after_action, overdue
from fleet.store.tables import Device, Rollout, RolloutDevice

OFFERS_AT_ONCE = 2_000
"""So many devices are asked per tick at most, so that a stage of many neither floods broker and registry nor keeps the
database to itself."""
_WAITING = [status.value for status in WAITING]


def expire(session: Session, rollout: Rollout, now_ms: int) -> None:
    """Settle the devices that let the deadline pass."""
    deadline_ms = int(rollout.settings["deadline_ms"])
    late = session.execute(
        select(RolloutDevice, Device.last_seen_ms)
        .join(Device, Device.id == RolloutDevice.device)
        .where(RolloutDevice.rollout == rollout.id, RolloutDevice.status.in_(_WAITING))
        .where(RolloutDevice.offered_ms <= now_ms - deadline_ms)
    )
    for row, seen_ms in late.all():
        offered_ms = row.offered_ms or 0
        was_there = row.reached or (seen_ms is not None and seen_ms >= offered_ms)
        after = overdue(DeviceStatus(row.status), now_ms - offered_ms, deadline_ms, was_there)
        row.status, row.settled_ms = after.value, now_ms
        row.reason = f"no success within {deadline_ms // 1000} s of the offer"


def join(session: Session, newest_first: list[Rollout], now_ms: int) -> list[Outgoing]:
    """Bring devices that were enrolled later to the version that the others of their scope have.

    They get the newest finished rollout at once, and wait in the last stage of one that is under way.
    """
    messages: list[Outgoing] = []
    settled: set[str] = set()
    for rollout in newest_first:
        running = rollout.state == RolloutState.RUNNING.value
        last = len(rollout.stages["sizes"]) - 1
        newcomers = roster.without_row(session, rollout)
        offers = Offers(session, rollout, newcomers, now_ms)
        for device in newcomers:
            if device.id in settled:
                continue
            row = RolloutDevice(rollout=rollout.id, device=device.id, stage=last, status=DeviceStatus.PENDING.value)
            if running:
                session.add(row)
            elif not _has_newer(device, rollout, session):
                session.add(row)
                messages.append(offers.offer(row, device))
                settled.add(device.id)
    return messages


def offer_stage(session: Session, rollout: Rollout, now_ms: int) -> list[Outgoing]:
    """Offer to the devices whose stage has come, a crowd at a time."""
    waiting = roster.pending(session, rollout, OFFERS_AT_ONCE)
    offers = Offers(session, rollout, [device for _, device in waiting], now_ms)
    return [offers.offer(row, device) for row, device in waiting]


def _has_newer(device: Device, rollout: Rollout, session: Session) -> bool:
    """True where the device was asked by another rollout that is newer than this one."""
    asked = (device.desired or {}).get("rollout")
    other = session.get(Rollout, asked) if asked else None
    return other is not None and other.created_ms > rollout.created_ms


def advance(session: Session, rollout: Rollout, now_ms: int) -> str | None:
    """Judge the current stage and move on where it may; return why the rollout must be aborted, else None."""
    session.flush()
    limits = rollout.settings["limits"]
    last = rollout.stage >= len(rollout.stages["sizes"]) - 1
    if roster.pending(session, rollout, 1):
        rollout.reason = "offering"
        return None
    install = install_gate(roster.counts(session, rollout.id), limits["install_failures"])
    health = _health(session, rollout)
    decision = decide(install, health, _soak_left(session, rollout, now_ms), last)
    rollout.gates = {gate.name: gate.as_json() for gate in (install, health)}
    if decision.move is Move.ABORT:
        return decision.reason
    rollout.reason = decision.reason
    if decision.move is Move.NEXT_STAGE:
        rollout.stage, rollout.stage_ms = rollout.stage + 1, now_ms
    elif decision.move is Move.COMPLETE:
        rollout.state = after_action(RolloutState(rollout.state), Action.COMPLETE).value
        rollout.ended_ms = now_ms
    return None


def _health(session: Session, rollout: Rollout) -> Gate:
    if rollout.settings["strategy"] == "shadow":
        return unheard_gate()
    limits = rollout.settings["limits"]
    failed, parts = roster.part_failures(session, rollout) or (None, None)
    return health_gate(failed, parts, limits["parts"], limits["part_failures"])


def _soak_left(session: Session, rollout: Rollout, now_ms: int) -> int:
    """Return how long the devices of this stage must still be watched, counted from the last one that settled."""
    settled = session.scalar(
        select(func.max(RolloutDevice.settled_ms)).where(
            RolloutDevice.rollout == rollout.id, RolloutDevice.stage == rollout.stage
        )
    )
    return int(max(settled or 0, rollout.stage_ms)) + int(rollout.settings["soak_ms"]) - now_ms
