"""How the model that is out there does on parts that people labelled since: its labels, and what a trainer found."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.encoding import Digest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict
from fleet.monitoring import tickets
from fleet.monitoring.causes import Cause
from fleet.monitoring.lifecycle import TicketPolicy
from fleet.people.export import Labels, label_names, labels_of
from fleet.store.monitoring_tables import Finding, Ticket
from fleet.store.tables import Device, Event, Model

_LATEST_MS = 1 << 53
JUDGED = "judged"
"""State of a finding that a trainer made; monitoring neither extends nor ends it."""


class LiveEvaluation(Strict):
    """What a trainer measured of a bundle on newly labelled parts: one sentence, and whether a bound is broken."""

    bundle: Digest
    text: Annotated[str, Field(min_length=1, max_length=500)]
    parts: Annotated[int, Field(ge=0, le=1 << 31)]
    broken: bool
    threshold: Annotated[float, Field(ge=0, le=1)]
    first_ms: Annotated[int, Field(ge=0, le=_LATEST_MS)]
    last_ms: Annotated[int, Field(ge=0, le=_LATEST_MS)]


def live_labels(session: Session, bundle: str, since: int) -> Labels:
    """Return the labels of all parts that this bundle judged and people reviewed since. Raises Rejected."""
    rows = [row for row in _reviewed(session, since) if row.data.get("bundle") == bundle]
    return labels_of(session, rows, label_names(session, bundle))


def take_in(session: Session, found: LiveEvaluation, policy: TicketPolicy, now: int) -> list[Ticket]:
    """Open a ticket, or join the live one, at every site whose parts were judged; return the tickets, each once.

    What breaks no bound opens none. Raises Rejected for a bundle that is not in the registry.
    """
    model = session.scalar(select(Model).where(Model.bundle == found.bundle, Model.revert.is_(False)).limit(1))
    if model is None:
        raise Rejected(f"bundle {found.bundle[:12]} is not in the registry; publish it first")
    if not found.broken:
        return []
    places = _places(session, found)
    opened: dict[str, Ticket] = {}
    for site, devices in sorted(places.items()):
        finding = _finding(session, found, model, site, devices)
        ticket = tickets.follow(session, finding, policy, now)
        if ticket is not None:
            opened[ticket.id] = ticket
    return list(opened.values())


def _reviewed(session: Session, since: int) -> list[Event]:
    chosen = select(Event).where(Event.kind == "reviewed", Event.received_ms >= since)
    return list(session.scalars(chosen.order_by(Event.id)))


def _places(session: Session, found: LiveEvaluation) -> dict[str, list[str]]:
    """Return the sites whose devices judged parts by this bundle, with the devices."""
    devices = {row.device for row in _reviewed(session, found.first_ms) if row.data.get("bundle") == found.bundle}
    places: dict[str, list[str]] = {}
    for name, site in session.execute(select(Device.id, Device.site).where(Device.id.in_(devices))):
        places.setdefault(site, []).append(name)
    return {site: sorted(names) for site, names in places.items()}


def _finding(session: Session, found: LiveEvaluation, model: Model, site: str, devices: list[str]) -> Finding:
    """Return the site's finding of this bundle, brought up to date."""
    known = session.scalar(
        select(Finding).where(Finding.site == site, Finding.bundle == found.bundle, Finding.state == JUDGED).limit(1)
    )
    finding = known or Finding(
        site=site,
        bundle=found.bundle,
        model=model.name,
        version=model.version,
        state=JUDGED,
        cause=Cause.PERFORMANCE.value,
        features=[],
        charts=[],
        windows=0,
        threshold=found.threshold,
        first_ms=found.first_ms,
    )
    finding.text, finding.devices, finding.parts, finding.last_ms = (
        found.text,
        devices,
        found.parts,
        found.last_ms,
    )
    session.add(finding)
    session.flush()
    return finding
