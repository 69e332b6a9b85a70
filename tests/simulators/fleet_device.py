"""Messages as a device sends them, and a database that knows some devices: what tests of the fleet begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from edge_agent.contracts.events import Decided, Event, EventBatch, Reviewed, Transition
from edge_agent.contracts.messages import Presence, Reported, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.topics import Address, Channel
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.contracts.window import Baseline, Statistics, WindowHead, encode_window
from fleet.ingest.facts import Incoming
from fleet.store.database import Database
from fleet.store.tables import Device

BOOT = UUID(int=1)
BUNDLE = "b" * 64


def new_database(folder: Path) -> Database:
    """Return a migrated SQLite database."""
    database = Database(f"sqlite:///{folder}/fleet.db")
    database.migrate()
    return database


def add_devices(database: Database, *names: str, site: str = "here", **more: Any) -> None:
    """Enrol devices without asking anybody."""
    values = {"line": "l1", "device_class": "generic", "credential": "", "enrolled_ms": 0, **more}
    with database.begin() as session:
        session.add_all(Device(id=name, site=site, **values) for name in names)


class Station:
    """Says what a device says; numbers events as the outbox does."""

    def __init__(self, name: str, site: str = "here", boot: UUID = BOOT) -> None:
        self.address, self.boot = Address(site, name), boot
        self.seq = 0

    def message(self, channel: Channel, payload: bytes, retained: bool = False, at_ms: int = 1) -> Incoming:
        """Return a message as ingest gets it from the link."""
        return Incoming(self.address.topic(channel), payload, retained, at_ms)

    def event(self, data: Any, seq: int | None = None, at_ms: int = 1) -> Event:
        """Return the next event, or the one with a given number."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        return Event(seq=seq, at_ms=at_ms, data=data)

    def events(self, *events: Event, suspect: bool = False) -> Incoming:
        """Return a batch of events."""
        return self.message(Channel.EVENT, encode(EventBatch(boot=self.boot, clock_suspect=suspect, events=events)))

    def decided(self, verdict: Verdict = Verdict.ACCEPT, reason: Reason = Reason.MODEL, **more: Any) -> Decided:
        """Return a decision on the next part."""
        values = {"part": self.seq + 1, "part_boot": self.boot, "bundle": BUNDLE, "final": verdict, **more}
        return Decided(verdict=verdict, reason=reason, **values)

    def reviewed(self, verdict: Verdict, machine: Verdict) -> Reviewed:
        """Return a person's answer."""
        return Reviewed(part=1, part_boot=self.boot, operator="ann", verdict=verdict, machine=machine, bundle=BUNDLE)

    def transition(self, after: UpdateState, generation: int, reason: str = "") -> Transition:
        """Return a move of the model update."""
        return Transition(before=UpdateState.IDLE, after=after, generation=generation, reason=reason)

    def reported(self, state: UpdateState, generation: int, running: str | None, **more: Any) -> Incoming:
        """Return the whole reported state."""
        content = Reported(generation=generation, at_ms=1, boot=self.boot, state=state, running=running, **more)
        return self.message(Channel.REPORTED, encode(content))

    def presence(self, online: bool, session: int, retained: bool = False) -> Incoming:
        """Return a birth or a will."""
        content = Presence(online=online, boot=self.boot, session=session, at_ms=1)
        return self.message(Channel.PRESENCE, encode(content), retained)

    def window(self, baseline: Baseline, seq: int, parts: int = 10) -> Incoming:
        """Return a statistics window in which nothing was measured."""
        head = WindowHead(
            boot=self.boot,
            seq=seq,
            schema_id=baseline.schema_id,
            bundle=BUNDLE,
            started_ms=0,
            ended_ms=60_000,
            parts=parts,
        )
        return self.message(Channel.WINDOW, encode_window(head, Statistics.empty(baseline)))
