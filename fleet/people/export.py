"""The reviewed parts behind a ticket, as a table to train from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.bundle import Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Verdict
from fleet.people.reviews import MEASURING, LabelledPart, PartKey, Review, Unusable, labelled
from fleet.store.monitoring_tables import Image, Ticket
from fleet.store.tables import Device, Event, Model

COLUMNS = ("image", "mask", "part", "exposure", "label", "split_hint")
_AT_ONCE = 500


@dataclass(frozen=True)
class Labels:
    """Labelled parts, the kind of each picture, and how many reviewed parts gave no label, by reason."""

    parts: list[LabelledPart]
    kinds: dict[str, str]
    skipped: dict[Unusable, int]

    def csv(self) -> str:
        """Return the table: `image` is `images/<sha>.<kind>` below the folder it is unpacked into."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        for part in self.parts:
            name = f"images/{part.image}.{self.kinds[part.image]}"
            table.writerow((name, "", part.key.name, 0, part.label, part.split_hint))
        return out.getvalue()


def ticket_labels(session: Session, ticket: Ticket) -> Labels:
    """Return the labels of all parts that people reviewed at the ticket's sites since its first window."""
    sites = ticket.evidence.get("sites", [ticket.site])
    since = int(ticket.evidence.get("first_ms", ticket.created_ms))
    return labels_of(session, _reviews(session, sites, since), label_names(session, ticket.bundle))


def labels_of(session: Session, events: Iterable[Event], names: tuple[str, ...]) -> Labels:
    """Return the labels that these reviews give, in terms of `names`, the good one first."""
    reviews = [_review(row) for row in events]
    kinds = _kinds(session, {review.image for review in reviews if review.image})
    parts, skipped = labelled(reviews, names, _machine(session, reviews), kinds)
    return Labels(one_per_picture(parts), kinds, skipped)


def one_per_picture(parts: Iterable[LabelledPart]) -> list[LabelledPart]:
    """Return the last labelled part of each picture: the same bytes twice are one observation, never split.

    One that measures stays so, whatever came of its bytes later.
    """
    rows = list(parts)
    kept = {part.image for part in rows if part.split_hint == MEASURING}
    last = {part.image: part for part in rows}
    return [replace(p, split_hint=MEASURING) if p.image in kept else p for p in last.values()]


def label_names(session: Session, bundle: str) -> tuple[str, ...]:
    """Return the labels of a published bundle, the good one first. Raises Rejected."""
    content = session.scalar(select(Model.manifest).where(Model.bundle == bundle).limit(1))
    if content is None:
        raise Rejected(f"bundle {bundle[:12]} is not in the registry; publish it to read its labels")
    return Manifest.model_validate(content).recipe.labels.names


def _reviews(session: Session, sites: list[str], since: int) -> list[Event]:
    there = select(Device.id).where(Device.site.in_(sites))
    chosen = select(Event).where(Event.kind == "reviewed", Event.device.in_(there), Event.received_ms >= since)
    return list(session.scalars(chosen.order_by(Event.id)))


def _review(row: Event) -> Review:
    data = row.data
    return Review(
        key=PartKey(row.device, str(data["part_boot"]), int(data["part"])),
        order=row.id,
        operator=data["operator"],
        verdict=Verdict(data["verdict"]),
        label=data.get("label", ""),
        late=bool(data.get("late")),
        conflict=bool(data.get("conflict")),
        sampled=data.get("sampled", "review"),
        image=data.get("image"),
        training=bool(data.get("training", True)),
    )


def _machine(session: Session, reviews: Iterable[Review]) -> dict[PartKey, str]:
    """The model's labels of parts that were rejected without naming the defect."""
    silent = {r.key for r in reviews if r.verdict is Verdict.REJECT and not r.label}
    found: dict[PartKey, str] = {}
    for device in {key.device for key in silent}:
        for row in session.scalars(select(Event).where(Event.kind == "decided", Event.device == device)):
            key = PartKey(device, str(row.data["part_boot"]), int(row.data["part"]))
            if key in silent:
                found[key] = row.data.get("label", "")
    return found


def _kinds(session: Session, wanted: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = sorted(wanted)
    while rest:
        piece, rest = rest[:_AT_ONCE], rest[_AT_ONCE:]
        found |= dict(session.execute(select(Image.sha, Image.kind).where(Image.sha.in_(piece))).tuples().all())
    return found
