"""The intake: what a PLC numbers is written down in its order, whatever waits, is missed or comes too fast."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest

from edge_agent.capture.triggers import Trigger
from edge_agent.clock import SYSTEM
from edge_agent.config import TriggerConfig
from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import Reason
from edge_agent.intake import Intake
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from tests.simulators.clock import HandClock


class Written:
    """The parts in the order in which they were rejected unseen or inspected."""

    def __init__(self, folder: Path, depth: int) -> None:
        self.parts: list[tuple[int, Reason | None]] = []
        journal = Journal(Database(folder / "journal.db"), uuid4())
        self.intake = Intake(TriggerConfig(kind="http", depth=depth), journal, self.refuse, SYSTEM)

    def refuse(self, trigger: Trigger, reason: Reason) -> None:
        self.parts.append((trigger.plc.sequence if trigger.plc else 0, reason))

    def hear(self, sequence: int, missed: int = 0) -> None:
        self.intake.hear({"kind": "trigger", "plc": list(PlcPart(9, sequence)), "missed": missed})

    def inspect_all(self) -> list[tuple[int, Reason | None]]:
        while (trigger := self.intake.take(True)) is not None:
            self.parts.append((trigger.plc.sequence if trigger.plc else 0, None))
        return self.parts


def test_missed_parts_wait_for_those_before_them(tmp_path: Path) -> None:
    written = Written(tmp_path, depth=4)
    written.hear(5)
    written.hear(8, missed=2)
    assert written.parts == [], "nothing overtakes the part that waits"
    assert written.inspect_all() == [(5, None), (6, Reason.OVERRUN), (7, Reason.OVERRUN), (8, None)]


def test_parts_that_come_too_fast_keep_their_place(tmp_path: Path) -> None:
    written = Written(tmp_path, depth=2)
    for sequence in range(1, 5):
        written.hear(sequence)
    first = written.intake.take(True)
    assert first is not None
    assert first.plc == PlcPart(9, 1)
    written.hear(5)
    assert [number for number, _ in written.inspect_all()] == [2, 3, 4, 5]
    assert [reason for _, reason in written.parts] == [None, Reason.OVERRUN, Reason.OVERRUN, None]


def test_the_first_missed_parts_came_while_the_station_was_down(tmp_path: Path) -> None:
    written = Written(tmp_path, depth=2)
    written.hear(3, missed=2)
    assert written.inspect_all()[0] == (1, Reason.NOT_READY)


def test_a_request_that_comes_too_fast_is_answered_at_once(tmp_path: Path) -> None:
    written = Written(tmp_path, depth=1)
    for name in ("a", "b"):
        written.intake.hear({"kind": "trigger", "serial": name})
    assert written.parts == [(0, Reason.OVERRUN)]


def test_whoever_asked_hears_that_a_trigger_bounced(tmp_path: Path) -> None:
    journal, told = Journal(Database(tmp_path / "journal.db"), uuid4()), list[str | None]()
    config = TriggerConfig(kind="http", debounce_ms=60_000)
    intake = Intake(config, journal, lambda trigger, reason: None, SYSTEM, lambda trigger: told.append(trigger.request))
    for request in ("first", "second"):
        intake.hear({"kind": "trigger", "request": request})
    assert told == ["second"]
    assert journal.tallies()["trigger.bounced"] == 1


@pytest.mark.parametrize(("kind", "counted"), [("continuous", 4), ("http", 0)])
def test_frames_that_nobody_judged_are_counted_where_frames_are_parts(
    tmp_path: Path, kind: Literal["continuous", "http"], counted: int
) -> None:
    hand, journal = HandClock(), Journal(Database(tmp_path / "journal.db"), uuid4())
    intake = Intake(TriggerConfig(kind=kind), journal, lambda trigger, reason: None, hand.clock)
    for inspecting, overtaken in ((False, 3), (True, 7), (True, 9), (True, 10), (False, 30), (True, 40), (True, 42)):
        hand.forward(0.6)
        intake.take(inspecting, overtaken)
    hand.forward(1.0)
    intake.take(True, 42)
    assert journal.tallies().get("frame.overtaken", 0) == counted
