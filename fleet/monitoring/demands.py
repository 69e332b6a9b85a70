"""Live tickets in the database, and the desired states that follow from them (the rules are `monitoring.cautions`)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from edge_agent.contracts.messages import Desired, Sampling
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
            self._known = {device.id for device in _with_desired(session) if asked_now(device) != Asked()}
        devices = _devices(session, {one.site for one in suspicions}, self._known)
        busy = _busy(session, devices) if devices else frozenset()
        messages = []
        for device in devices:
            before = asked_now(device)
            wish = asked(device.id, device.site, device.running, suspicions, self._policy, before)
            if wish != before and device.id not in busy:
                messages.append(_ask(session, device, wish, now_ms))
            (self._known.discard if wish == before == Asked() else self._known.add)(device.id)
        return messages


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


def asked_now(device: Device) -> Asked:
    """Return what a device's desired state asks of it already."""
    if device.desired is None:
        return Asked()
    desired = Desired.model_validate(device.desired)
    return Asked(desired.sampling.audit, desired.caution)


def _with_desired(session: Session) -> Sequence[Device]:
    return session.scalars(select(Device).where(Device.desired.is_not(None), Device.revoked_ms.is_(None))).all()


def _devices(session: Session, sites: set[str], known: set[str]) -> list[Device]:
    found: dict[str, Device] = {}
    some = sorted(known)
    for start in range(0, max(len(some), 1), _AT_ONCE):
        chosen = or_(Device.site.in_(sites), Device.id.in_(some[start : start + _AT_ONCE]))
        for device in session.scalars(select(Device).where(chosen, Device.revoked_ms.is_(None))):
            found[device.id] = device
    return [found[name] for name in sorted(found)]


def _busy(session: Session, devices: Sequence[Device]) -> frozenset[str]:
    """Return the devices that install something, or owe a rollout an answer."""
    owing = set(session.scalars(select(RolloutDevice.device).where(RolloutDevice.status.in_(_BUSY))))
    return frozenset(device.id for device in devices if device.id in owing or device.state not in _CALM)


def _ask(session: Session, device: Device, wish: Asked, now_ms: int) -> Outgoing:
    before = Sampling.model_validate(device.desired["sampling"] if device.desired else {})
    sampling = before.model_copy(update={"audit": wish.audit})
    return amend(session, device, now_ms, sampling=sampling, caution=wish.caution)
