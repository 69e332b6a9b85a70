"""Live tickets in the database, and the desired states that follow from them (the rules are `monitoring.cautions`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from edge_agent.contracts.messages import Caution, Sampling
from edge_agent.contracts.states import SETTLED, UpdateState
from fleet.monitoring.causes import Cause
from fleet.monitoring.cautions import Asked, CautionPolicy, Suspicion, asked
from fleet.monitoring.findings import OPEN
from fleet.monitoring.lifecycle import LIVE
from fleet.rollout.offers import Outgoing, amend
from fleet.rollout.transitions import WAITING, DeviceStatus
from fleet.store.monitoring_tables import Finding, Ticket
from fleet.store.tables import Device, RolloutDevice

_AT_ONCE = 500
_BUSY = [status.value for status in (*WAITING, DeviceStatus.RESTORING)]
_CALM = {state.value for state in (*SETTLED, UpdateState.SHADOW)} | {""}


class Demands:
    """Brings devices' desired states up to date with the tickets. One process at a time may do this.

    It remembers which devices are asked for anything, so that a quiet fleet costs one small query.
    """

    def __init__(self, policy: CautionPolicy) -> None:
        self._policy = policy
        self._known: set[str] | None = None

    def follow(self, session: Session, now_ms: int) -> list[Outgoing]:
        """Ask what the live tickets ask now, with a new generation only where something changes.

        A device in the middle of an update is left alone until that has ended.
        """
        suspicions = live_suspicions(session)
        if self._known is None:
            self._known = {one.id for one in _places(session, Device.desired.is_not(None)) if one.asked != Asked()}
        changed: dict[str, Asked] = {}
        for one in _concerned(session, suspicions, self._known):
            wish = asked(one.id, one.site, one.held, suspicions, self._policy, one.asked)
            (self._known.discard if wish == one.asked == Asked() else self._known.add)(one.id)
            if wish != one.asked and one.state in _CALM:
                changed[one.id] = wish
        owing = _owing(session) if changed else frozenset()
        return [_ask(session, device, wish, now_ms) for device, wish in changed.items() if device not in owing]


class Place(NamedTuple):
    """A device as the rules see it: where it is, what it judges with, where its update stands, what it is asked."""

    id: str
    site: str
    held: frozenset[str]
    state: str
    asked: Asked


def live_suspicions(session: Session) -> list[Suspicion]:
    """Return the findings whose ticket is live, the oldest ticket first."""
    states = [state.value for state in LIVE]
    rows = session.execute(
        select(Finding, Ticket.cause)
        .join(Ticket, Ticket.id == Finding.ticket)
        .where(Ticket.state.in_(states))
        .order_by(Ticket.id, Finding.id)
    )
    return [
        Suspicion(
            str(found.ticket),
            found.site,
            found.bundle,
            Cause(cause),
            found.text,
            frozenset(found.devices),
            found.state == OPEN,
        )
        for found, cause in rows
    ]


def asked_now(desired: Mapping[str, Any] | None) -> Asked:
    """Return what a device's desired state asks of it already."""
    if desired is None:
        return Asked()
    caution = desired.get("caution")
    return Asked(desired["sampling"]["audit"], Caution.model_validate(caution) if caution else None)


def _places(session: Session, *conditions: ColumnElement[bool]) -> list[Place]:
    query = select(Device.id, Device.site, Device.running, Device.reported, Device.state, Device.desired)
    rows = session.execute(query.where(*conditions, Device.revoked_ms.is_(None)).order_by(Device.id))
    return [
        Place(name, site, _held(running, reported), state, asked_now(desired))
        for name, site, running, reported, state, desired in rows
    ]


def _held(running: str | None, reported: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the bundle in use, and those of the recipes that rest."""
    resting = ((reported or {}).get("recipes") or {}).values()
    return frozenset({*([running] if running else []), *(one["bundle"] for one in resting)})


def _concerned(session: Session, suspicions: Sequence[Suspicion], known: set[str]) -> list[Place]:
    """Return the devices of the sites where a model is in doubt, and those that are asked for anything."""
    sites = {one.site for one in suspicions}
    found = {one.id: one for one in _places(session, Device.site.in_(sites))} if sites else {}
    rest = sorted(known - found.keys())
    for start in range(0, len(rest), _AT_ONCE):
        found |= {one.id: one for one in _places(session, Device.id.in_(rest[start : start + _AT_ONCE]))}
    return list(found.values())


def _owing(session: Session) -> frozenset[str]:
    """Return the devices that owe a rollout an answer."""
    return frozenset(session.scalars(select(RolloutDevice.device).where(RolloutDevice.status.in_(_BUSY))))


def _ask(session: Session, name: str, wish: Asked, now_ms: int) -> Outgoing:
    device = session.get_one(Device, name)
    before = Sampling.model_validate(device.desired["sampling"] if device.desired else {})
    sampling = before.model_copy(update={"audit": wish.audit})
    return amend(session, device, now_ms, sampling=sampling, caution=wish.caution)
