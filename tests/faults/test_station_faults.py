"""The station's faults that one process shows: models, people and clocks that fail."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.plc import Disposition
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox, reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.reviews import Outcome
from tests.conftest import wait_for
from tests.simulators.clock import HandClock
from tests.simulators.line import (
    GOOD,
    TINY,
    Bench,
    LineRig,
    altered_bundle,
    nan_graph,
    picture,
)


@pytest.mark.fault("A17")
def test_a_model_that_answers_nan_rejects_and_the_loop_lives(tmp_path: Path) -> None:
    broken = altered_bundle(tmp_path / "nan", model=nan_graph())
    with LineRig(tmp_path / "home", broken) as rig:
        for count in range(1, 5):
            rig.camera.show(picture(GOOD))
            rig.step(until=count)
        assert {(part.final, part.reason, part.score) for part in rig.parts()} == {("reject", "model-error", None)}
        assert rig.hot.journal.tallies()["fault.model-error"] == 1, "three in a row are one fault"
        assert rig.hot.health()["bundle_errors"] == 4


@pytest.mark.fault("A18")
def test_a_part_that_hangs_is_rejected_at_its_deadline(tmp_path: Path) -> None:
    class Hanging(Bench):
        """A driver that blocks in the middle of a part, in the hot thread itself."""

        def read(self) -> object:  # type: ignore[override]
            frame = super().read()
            if frame is not None and frame.view == 1:
                released.wait(10)
            return frame

    released = threading.Event()
    bundle = altered_bundle(tmp_path / "bundle", recipe__deadline_ms=200)
    with LineRig(tmp_path / "home", bundle, camera=Hanging()) as rig:
        rig.camera.show(picture(GOOD), "a", 0, 2)
        rig.camera.show(picture(GOOD), "a", 1, 2)
        looping = threading.Thread(target=rig.step)
        looping.start()
        wait_for(lambda: len(rig.gate.told) == 1, 5, "the keeper's verdict")
        assert rig.gate.told == [(1, "reject", "late")]
        released.set()
        looping.join(10)
        assert rig.gate.told == [(1, "reject", "late")], "what comes later moves nothing"
        assert rig.parts()[0].reason == "late"


@pytest.mark.fault("A20")
def test_a_silent_operator_is_a_timeout_and_a_late_answer_is_a_label(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle", thresholds=(0.0, 1.0), recipe__review_deadline_ms=300)
    with LineRig(tmp_path / "home", bundle) as rig:
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        assert rig.parts()[0].verdict == "review"
        wait_for(lambda: rig.gate.told == [(1, "reject", "timeout")], 10, "the deadline")
        part = rig.parts()[0]
        outcome = reviews.answer(
            rig.hot.journal, part.id, "ann", Verdict.ACCEPT, "ok", rig.hot.clock.wall_ms(), rig.hot.clock.monotonic()
        )
        assert outcome is Outcome.LATE
        after = rig.parts()[0]
        assert (after.final, after.reason) == ("reject", "timeout")
        assert rig.gate.told == [(1, "reject", "timeout")]
        assert rig.hot.journal.tallies()["review.late"] == 1


@pytest.mark.fault("A21")
def test_of_two_operators_the_first_wins_and_the_second_is_a_conflict(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle", thresholds=(0.0, 1.0))
    with LineRig(tmp_path / "home", bundle) as rig:
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        part, start = rig.parts()[0].id, threading.Barrier(2)
        outcomes: list[Outcome] = []

        def answer(name: str, verdict: Verdict) -> None:
            journal = Journal(Database(rig.home.journal), rig.boot)
            start.wait()
            outcomes.append(reviews.answer(journal, part, name, verdict, "", 1, time.monotonic()))
            journal.database.close()

        people = [("ann", Verdict.ACCEPT), ("bob", Verdict.REJECT)]
        threads = [threading.Thread(target=answer, args=person) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [Outcome.CONFLICT, Outcome.DECIDED]
        wait_for(lambda: len(rig.gate.told) == 1, 5, "the gate")
        kinds = [entry.payload for entry in outbox.page(rig.hot.journal.database, rig.boot, Stream.EVENT, 0, 9)]
        assert sum(b'"kind":"decided"' in payload for payload in kinds) == 1
        assert sum(b'"kind":"reviewed"' in payload for payload in kinds) == 2


@pytest.mark.fault("A25")
def test_a_jumping_clock_moves_no_deadline_and_no_order(tmp_path: Path) -> None:
    hand = HandClock()
    bundle = altered_bundle(tmp_path / "bundle", thresholds=(0.0, 1.0), recipe__review_deadline_ms=60_000)
    with LineRig(tmp_path / "home", bundle, clock=hand.clock) as rig:
        for count, jump in ((1, 10 * 365 * 86400.0), (2, -11 * 365 * 86400.0), (3, 0.0)):
            rig.camera.show(picture(GOOD), f"s{count}")
            rig.step(until=count)
            hand.jump(jump)
        time.sleep(0.2)
        assert len(reviews.waiting(rig.hot.journal)) == 3, "no year that went by in a jump ends a review"
        assert [part.seq for part in rig.parts()] == [1, 2, 3]
        hand.forward(61)
        wait_for(lambda: not reviews.waiting(rig.hot.journal), 10, "the true end of the minute")
        assert {part.reason for part in rig.parts()} == {"timeout"}


def limit(rig: LineRig, pages: int) -> None:
    """Give the journal's file no more room, or all it wants: SQLite then fails as it does on a full disk."""
    rig.hot.journal.database._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()


@pytest.mark.fault("A08")
def test_a_disk_without_room_for_the_journal_rejects_and_says_why(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        limit(rig, 1)
        before = len(rig.gate.told)
        while rig.hot.interlock.ready:
            rig.camera.show(picture(GOOD), "x" * 200)
            rig.step()
        assert rig.gate.told[-1][1:] == ("reject", "disk-full")
        assert "full" in rig.hot.interlock.why
        rig.camera.show(picture(GOOD))
        rig.step()
        assert rig.gate.told[-1][1:] == ("reject", "disk-full"), "and so is every part after it"
        assert rig.said("status")[-1]["ready"] is False
        assert len(rig.gate.told) > before + 1
        limit(rig, 1_000_000)
        rig.camera.show(picture(GOOD), "after")
        rig.step()
        assert rig.hot.interlock.ready, "room again: ready again, without a person"
        parts = rig.parts()
        assert (parts[-1].serial, parts[-1].final) == ("after", "accept")
        assert all(part.final is not None for part in parts)
        written = sum(part.reason == "disk-full" for part in parts)
        assert written == sum(reason == "disk-full" for _, _, reason in rig.gate.told)


@pytest.mark.fault("A08")
def test_a_station_whose_disk_has_room_again_is_ready_before_a_part_comes(tmp_path: Path) -> None:
    with LineRig(tmp_path, config=StationConfig(trigger=TriggerConfig(kind="http"))) as rig:
        limit(rig, 1)
        for _ in range(200):
            rig.camera.show(picture(GOOD))
            rig.channel.deliver({"kind": "trigger", "serial": "x" * 200})
            rig.step()
            if rig.hot.line.trouble:
                break
        assert not rig.hot.interlock.ready
        rig.channel.deliver({"kind": "plc_acted", "plc": [7, 1], "disposition": 1})
        rig.step()
        limit(rig, 1_000_000)
        wait_for(lambda: bool(rig.step() or rig.hot.interlock.ready), 10, "a station that is ready by itself")
        assert rig.hot.interlock.ready, "whoever waits for READY would never send the part that tries the disk"
        assert all(part.final for part in rig.parts())


@pytest.mark.fault("A08")
def test_a_station_that_gets_no_parts_is_ready_again_when_there_is_room(tmp_path: Path) -> None:
    """A PLC sends none before the station is ready: a next part that shows it never comes."""
    with LineRig(tmp_path, config=StationConfig(trigger=TriggerConfig(kind="http", debounce_ms=60_000))) as rig:
        ask: dict[str, object] = {"kind": "trigger", "request": "r", "at": 100.0, "plc": [7, 1], "missed": 0}
        rig.camera.show(picture(GOOD))
        rig.channel.deliver(dict(ask))
        rig.step(until=1)
        limit(rig, 1)
        while rig.hot.interlock.ready:
            rig.camera.show(picture(GOOD))
            at = float(str(ask["at"])) + 1.0
            ask.update(at=at, plc=[7, int(at)], serial="x" * 200)
            rig.channel.deliver(dict(ask))
            rig.step()
        rig.channel.deliver({"kind": "trigger", "request": "bounced", "at": at})
        rig.channel.deliver({"kind": "plc_acted", "plc": [7, 1], "disposition": int(Disposition.ACCEPTED)})
        rig.step()
        assert not rig.hot.interlock.ready, "and what is no part ends nothing"
        assert rig.said("triggered")[-1]["bounced"]
        limit(rig, 1_000_000)
        wait_for(
            lambda: bool(rig.step() or rig.hot.interlock.ready), 10, "ready again, without a part and without a person"
        )
        tallies = rig.hot.journal.tallies()
        assert (tallies["trigger.bounced"], tallies["journal.stopped"]) == (1, 1)
        assert rig.hot.journal.dispositions()[Disposition.ACCEPTED] == 1


@pytest.mark.fault("A05")
def test_a_write_torn_in_the_middle_is_gone_and_the_journal_opens(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with LineRig(tmp_path / "home", TINY) as rig:
        journal, keys = rig.hot.journal, []
        for index in range(20):
            key = journal.trigger(f"s{index}", index)
            journal.decide(key, Decision(Verdict.ACCEPT, Reason.MODEL), index)
            keys.append(key)
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).write_bytes((rig.home.root / f"journal.db{suffix}").read_bytes())
    log = path.with_name("journal.db-wal")
    log.write_bytes(log.read_bytes()[:-700])
    database = Database(path)
    journal = Journal(database, keys[0].boot)
    journal.recover(1)
    parts = journal.recent(100)
    assert 18 <= len(parts) <= 20, "at most the last transaction is torn"
    assert all(part.final is not None for part in parts)
    decided = database.row("outbox_depth", stream="event")
    assert decided == (len(parts),), "a decision and its outbox row went together"
    database.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()
