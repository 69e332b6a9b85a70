"""A message becomes a fact, or a reason why it cannot: rules without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.events import Event, EventBatch, Transition
from edge_agent.contracts.messages import MAX_MESSAGE_BYTES, Health, Presence, Reported, Stream, decode
from edge_agent.contracts.topics import Address, Channel, parse
from edge_agent.contracts.window import decode_window
from fleet.ingest.torn import window_place

TORN = "quarantined"
"""Kind of an event that could not be read: its place in the stream is taken, so that those after it are not held up."""

REFUSED = "the database refuses its content"


@dataclass(frozen=True)
class Incoming:
    """A message as it came from the broker. `distrust`: its content broke the database, keep its place only."""

    topic: str
    payload: bytes
    retained: bool
    received_ms: int
    distrust: bool = False


@dataclass(frozen=True)
class Item:
    """One numbered fact: what is compared when the same number comes again, and the row to be stored."""

    identity: Hashable
    row: dict[str, Any]
    event: Event | None = None


@dataclass(frozen=True)
class Streamed:
    """Numbered facts of one boot of one device."""

    stream: Stream
    boot: str
    items: dict[int, Item]
    problem: str = ""


Content = Streamed | Reported | Presence | Health


@dataclass(frozen=True)
class Fact:
    """A message that was understood."""

    address: Address
    content: Content
    source: Incoming = field(repr=False)


def understand(message: Incoming) -> Fact:
    """Read a message. Raises Rejected where nothing of it can be used."""
    address, channel = parse(message.topic)
    reader = _READERS.get(channel)
    if reader is None:
        raise Rejected(f"channel '{channel.value}' is not for the fleet")
    if message.distrust and channel not in (Channel.EVENT, Channel.WINDOW):
        raise Rejected(REFUSED)
    return Fact(address, reader(message), message)


def _events(message: Incoming) -> Streamed:
    if not message.distrust:
        try:
            batch = decode(EventBatch, message.payload)
        except Rejected as error:
            return _salvage(message, str(error))
        items = {event.seq: event_item(event, batch.clock_suspect) for event in reversed(batch.events)}
        problem = "" if len(items) == len(batch.events) else "a number is given twice within the batch"
        return Streamed(Stream.EVENT, str(batch.boot), items, problem)
    return _salvage(message, REFUSED)


def event_item(event: Event, clock_suspect: bool) -> Item:
    """Return an event as it is stored; a doubt about its time that came up later makes it no other event."""
    data = event.data.model_dump(mode="json")
    identity = (event.at_ms, canonical_json(data))
    row = {"seq": event.seq, "kind": event.data.kind, "at_ms": event.at_ms, "clock_suspect": clock_suspect}
    return Item(identity, {**row, "data": data}, event)


def _salvage(message: Incoming, problem: str) -> Streamed:
    """Take what is whole from a batch that is not; what is torn keeps its place. Raises Rejected without any place."""
    if len(message.payload) > MAX_MESSAGE_BYTES:
        raise Rejected(problem)
    try:
        body = json.loads(message.payload)
        boot, rows = str(UUID(body["boot"])), list(body["events"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Rejected(problem) from error
    trusted = not message.distrust
    suspect = body.get("clock_suspect") is True
    items = dict(item for row in rows if (item := _whole_or_torn(row, trusted, suspect)) is not None)
    if not items:
        raise Rejected(problem)
    return Streamed(Stream.EVENT, boot, items, problem)


def _whole_or_torn(row: Any, trusted: bool, suspect: bool) -> tuple[int, Item] | None:
    if trusted:
        try:
            event = Event.model_validate_json(json.dumps(row))
        except (ValidationError, ValueError):
            pass
        else:
            return event.seq, event_item(event, suspect)
    seq = row.get("seq") if isinstance(row, Mapping) else None
    if type(seq) is not int or not 1 <= seq < 2**62:
        return None
    digest = digest_bytes(json.dumps(row, sort_keys=True).encode())
    torn = {"seq": seq, "kind": TORN, "at_ms": 0, "clock_suspect": True, "data": {"digest": digest}}
    return seq, Item((TORN, digest), torn)


def _window(message: Incoming) -> Streamed:
    try:
        if message.distrust:
            raise Rejected(REFUSED)
        head, _ = decode_window(message.payload, None)
    except Rejected as error:
        return _torn_window(message, str(error))
    digest = digest_bytes(message.payload)
    row = {
        "seq": head.seq,
        "schema_id": head.schema_id,
        "bundle": head.bundle,
        "started_ms": head.started_ms,
        "ended_ms": head.ended_ms,
        "parts": head.parts,
        "clock_suspect": head.clock_suspect,
        "digest": digest,
        "payload": message.payload,
    }
    return Streamed(Stream.WINDOW, str(head.boot), {head.seq: Item(digest, row)})


def _torn_window(message: Incoming, problem: str) -> Streamed:
    """Keep the place of a window that cannot be read; its bytes lie in quarantine. Raises Rejected without a place."""
    place = window_place(message.payload)
    if place is None:
        raise Rejected(f"{problem}; its number cannot be read either, so its device will send it again")
    boot, seq = place
    digest = digest_bytes(message.payload)
    nothing = {"schema_id": "", "bundle": "", "started_ms": 0, "ended_ms": 0, "parts": 0, "clock_suspect": True}
    return Streamed(
        Stream.WINDOW, boot, {seq: Item(digest, {"seq": seq, **nothing, "digest": digest, "payload": b""})}, problem
    )


_READERS: dict[Channel, Callable[[Incoming], Content]] = {
    Channel.EVENT: _events,
    Channel.WINDOW: _window,
    Channel.REPORTED: lambda message: decode(Reported, message.payload),
    Channel.PRESENCE: lambda message: decode(Presence, message.payload),
    Channel.HEALTH: lambda message: decode(Health, message.payload),
}


def stored_identity(stream: Stream, row: Mapping[str, Any]) -> Hashable:
    """Return the identity of a stored row, to compare a repeated fact with."""
    if stream is Stream.WINDOW:
        return str(row["digest"])
    if row["kind"] == TORN:
        return (TORN, row["data"]["digest"])
    return (int(row["at_ms"]), canonical_json(row["data"]))


def transition_of(item: Item) -> Transition | None:
    """Return the transition that an event carries, or None."""
    return item.event.data if item.event is not None and isinstance(item.event.data, Transition) else None
