"""Desired states: made from a release, numbered per device, kept in the database, ready to be published again.

The database is what counts. A message that was not sent, or that the broker forgot, is sent again from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.messages import Desired, Installed, ModelRef, Probation, Reported, Sampling, Strategy, encode
from edge_agent.contracts.topics import Address, Channel
from fleet.registry.catalogue import ref_of, way_back
from fleet.rollout.parts import share_of
from fleet.rollout.roster import parts_so_far
from fleet.rollout.transitions import DeviceStatus
from fleet.store.alerts import raise_alert
from fleet.store.tables import Device, Model, Rollout, RolloutDevice

STRATEGIES = {
    "canary": Strategy.DIRECT,
    "blue-green": Strategy.BLUE_GREEN,
    "shadow": Strategy.SHADOW,
    "canary-parts": Strategy.SHADOW,
}

_KNOWN = Probation(seconds=0, parts=0)
"""What ran before needs no probation: it was committed once."""


class _Way(NamedTuple):
    strategy: Strategy
    probation: Probation
    parts_share: float = 0.0


@dataclass(frozen=True)
class Outgoing:
    """A retained message for one device, to be sent once the transaction is committed."""

    topic: str
    payload: bytes


class Offers:
    """Offers of one rollout to many devices; what must be known of them is read at once."""

    def __init__(self, session: Session, rollout: Rollout, devices: Sequence[Device], now_ms: int) -> None:
        self._rollout, self._now_ms = rollout, now_ms
        self._parts = parts_so_far(session, [device.id for device in devices], rollout.bundle)
        running = {found.bundle for found in (in_use(device, rollout.name) for device in devices) if found}
        self._models = models_of(session, rollout.name, running)
        self._ref = ModelRef(name=rollout.name, version=rollout.version, release=rollout.release, bundle=rollout.bundle)
        strategy = STRATEGIES[rollout.settings["strategy"]]
        probation = Probation.model_validate(rollout.settings["probation"])
        self._way = _Way(strategy, probation, share_of(rollout.settings))

    def offer(self, row: RolloutDevice, device: Device) -> Outgoing:
        """Ask a device for the rollout's release and note what it runs now."""
        rollout = self._rollout
        row.previous = running_ref(self._models, in_use(device, rollout.name))
        row.failures_before, row.parts_before = self._parts.get(device.id, (0, 0))
        row.reached = device.online
        row.status, row.offered_ms, row.settled_ms = DeviceStatus.OFFERED.value, self._now_ms, None
        outgoing = _ask(device, self._ref, rollout, self._now_ms, self._way)
        row.generation = device.desired_generation
        return outgoing


def take_back(session: Session, rollout: Rollout, row: RolloutDevice, device: Device, now_ms: int) -> Outgoing:
    """Ask a device for what it ran before, by the signed way back above the rollout's release."""
    ref = None
    if row.previous is not None:
        before = ModelRef.model_validate(row.previous)
        found = in_use(device, rollout.name)
        above = max(rollout.release, found.release if found else 0)
        model = way_back(session, before.name, before.bundle, above)
        if model is None:
            text = f"no signed way back to {before.name} {before.version}: publish its bundle again and roll it out"
            raise_alert(session, "no-way-back", device.id, text, now_ms)
        else:
            model.used = True
        ref = before if model is None else ref_of(model)
    outgoing = _ask(device, ref, rollout, now_ms, _Way(Strategy.DIRECT, _KNOWN))
    row.revert_generation = device.desired_generation
    return outgoing


def models_of(session: Session, name: str, bundles: set[str]) -> dict[str, list[Model]]:
    """Return the releases of a model that name these bundles, by bundle, lowest release first."""
    found: dict[str, list[Model]] = defaultdict(list)
    if bundles:
        query = select(Model).where(Model.name == name, Model.bundle.in_(bundles)).order_by(Model.release)
        for row in session.scalars(query):
            found[row.bundle].append(row)
    return found


def in_use(device: Device, model: str) -> Installed | None:
    """Return what a device judges a model's parts with, whichever product it makes at the moment."""
    return Reported.model_validate(device.reported).installed(model) if device.reported else None


def running_ref(models: Mapping[str, list[Model]], found: Installed | None) -> dict[str, object] | None:
    """Return the release of what is in use on a device, or None for nothing that the registry knows."""
    rows = models.get(found.bundle, []) if found is not None else []
    exact = [row for row in rows if found is not None and row.release == found.release]
    return ref_of((exact or rows)[0]).model_dump(mode="json") if rows else None


def outgoing_of(device: Device) -> Outgoing | None:
    """Return a device's desired state as it is to be on the broker, or None where it was never asked for anything."""
    if device.desired is None:
        return None
    topic = Address(device.site, device.id).topic(Channel.DESIRED)
    return Outgoing(topic, encode(Desired.model_validate(device.desired)))


def amend(session: Session, device: Device, now_ms: int, **changes: Any) -> Outgoing:
    """Ask a device for the same as before but for `changes` of its desired state.

    What its rollout waits to hear, or goes on watching for, comes under the new generation from now on.
    """
    before = device.desired_generation or 0
    known = Desired.model_validate(device.desired) if device.desired else Desired(generation=1, at_ms=now_ms)
    generation = _next_generation(device)
    desired = known.model_copy(update={"generation": generation, "at_ms": now_ms, **changes})
    row = session.get(RolloutDevice, (desired.rollout, device.id)) if desired.rollout else None
    if row is not None and before and row.revert_generation == before:
        row.revert_generation = generation
    elif row is not None and before and row.generation == before:
        row.generation = generation
    device.desired = desired.model_dump(mode="json")
    outgoing = outgoing_of(device)
    assert outgoing is not None
    return outgoing


def _next_generation(device: Device) -> int:
    device.desired_generation = max(device.desired_generation or 0, device.generation or 0) + 1
    return device.desired_generation


def _ask(device: Device, ref: ModelRef | None, rollout: Rollout, now_ms: int, way: _Way) -> Outgoing:
    before = Desired.model_validate(device.desired) if device.desired else None
    desired = Desired(
        generation=_next_generation(device),
        at_ms=now_ms,
        model=ref,
        strategy=way.strategy,
        parts_share=way.parts_share,
        rollout=rollout.id,
        probation=way.probation,
        sampling=before.sampling if before else Sampling(),
        caution=before.caution if before else None,
    )
    device.desired = desired.model_dump(mode="json")
    outgoing = outgoing_of(device)
    assert outgoing is not None
    return outgoing
