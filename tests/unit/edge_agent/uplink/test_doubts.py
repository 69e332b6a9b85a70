"""Which records are marked as written by a wrong clock, whenever they leave."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from edge_agent.contracts.events import EventBatch, Fault
from edge_agent.contracts.messages import Stream, decode
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.uplink.doubts import Doubts
from edge_agent.uplink.outbox import Delivery
from tests.simulators.clock import HandClock

BOOT = uuid4()
DAY_S = 86_400.0


class Writer:
    """Writes facts by a clock that is turned, and says which of them are marked."""

    def __init__(self, folder: Path) -> None:
        self.hand = HandClock()
        self.database = Database(folder / "journal.db")
        guard = ClockGuard(self.database, self.hand.clock, self.hand.clock.wall_ms() - 100_000, "machine")
        self.doubts = Doubts(self.database, BOOT, guard, self.hand.clock)

    def write(self, count: int = 1) -> None:
        for _ in range(count):
            self.hand.forward(1)
            with self.database.transaction():
                fact = Fault(code="camera", active=True, detail="")
                outbox.append_event(self.database, BOOT, fact, self.hand.clock.wall_ms())

    def marked(self) -> list[int]:
        return [entry.seq for entry in outbox.page(self.database, BOOT, Stream.EVENT, 0, 99) if entry.suspect]


@pytest.fixture
def writer(tmp_path):
    return Writer(tmp_path)


@pytest.mark.fault("A25")
@pytest.mark.parametrize("jump", [-DAY_S, 3650 * DAY_S])
def test_what_is_written_between_a_jump_and_the_way_back_is_marked(writer, jump):
    writer.doubts.look()
    writer.write(3)
    writer.hand.jump(jump)
    writer.write(2)
    assert writer.marked() == [], "nobody has noticed yet"
    writer.doubts.look()
    writer.write(2)
    writer.hand.jump(-jump)
    writer.doubts.look()
    writer.write(2)
    assert writer.marked() == [4, 5, 6, 7]


@pytest.mark.fault("A25")
def test_a_mark_travels_with_its_record_when_the_clock_is_right_again(writer):
    writer.doubts.look()
    writer.write(2)
    for jump in (7200.0, -7200.0):
        writer.hand.jump(jump)
        writer.doubts.look()
        writer.write(2)
    sent: list[EventBatch] = []
    clock = writer.hand.clock
    Delivery(writer.database, BOOT, lambda _, data: sent.append(decode(EventBatch, data)), clock).pump()
    said = [(batch.clock_suspect, [event.seq for event in batch.events]) for batch in sent]
    assert said == [(False, [1, 2]), (True, [3, 4]), (False, [5, 6])]


@pytest.mark.fault("A25")
def test_boots_are_sent_in_the_order_in_which_they_were_whatever_the_clock_said(tmp_path):
    hand, database, boots = HandClock(), Database(tmp_path / "journal.db"), [uuid4() for _ in range(4)]
    for boot, jump in zip(boots, (0.0, 3650 * DAY_S, -3660 * DAY_S, 10 * DAY_S), strict=True):
        hand.jump(jump)
        with database.transaction():
            outbox.append_event(database, boot, Fault(code="camera", active=True, detail=""), hand.clock.wall_ms())
    assert outbox.boots(database, Stream.EVENT) == boots
