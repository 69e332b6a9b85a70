"""Challenge parts, the lock, and the degree of automation in the hot loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.automation.ledger import history, last_change, read_evidence
from edge_agent.automation.settings import SamplingConfig
from edge_agent.challenge import record
from edge_agent.challenge.settings import ChallengeConfig, ChallengePart
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Automation, Verdict
from tests.simulators.clock import HandClock
from tests.simulators.line import GOOD, SCRATCHED, TINY, Bench, LineRig, altered_bundle, install, nan_graph, picture

SURE = (0.5, 0.5)
"""Thresholds between which nothing lies, so that the machine is never unsure."""


def config(**more: Any) -> StationConfig:
    parts = (ChallengePart(name="CH-GOOD", known=Verdict.ACCEPT), ChallengePart(name="CH-BAD", known=Verdict.REJECT))
    challenge = ChallengeConfig(parts=parts, **more)
    return StationConfig(trigger=TriggerConfig(kind="http"), challenge=challenge)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return altered_bundle(tmp_path / "bundle", recipe__views__count=1, thresholds=SURE)


def ask(rig: LineRig, name: str, serial: str = "") -> Any:
    before = len(rig.parts())
    rig.camera.frames.queue.clear()  # a refused part leaves its picture there
    rig.camera.show(picture(name))
    rig.channel.deliver({"kind": "trigger", "serial": serial, "request": "r"})
    rig.step(until=before + 1)
    return rig.parts()[-1]


def pass_both(rig: LineRig) -> None:
    ask(rig, GOOD, "CH-GOOD")
    ask(rig, SCRATCHED, "CH-BAD")


@pytest.fixture
def rig(tmp_path: Path, bundle: Path) -> Iterator[LineRig]:
    with LineRig(tmp_path / "home", bundle, config(every_parts=6)) as rig:
        yield rig


def test_production_waits_for_the_challenge_parts(rig: LineRig) -> None:
    rig.step()
    assert "challenge part CH-GOOD has not been passed yet" in rig.hot.interlock.why
    refused = ask(rig, GOOD, "P-1")
    assert (refused.final, refused.reason, refused.score) == ("reject", "not-ready", None)
    good = ask(rig, GOOD, "CH-GOOD")
    assert (good.final, good.reason) == ("reject", "challenge"), "a challenge part never reaches the customer"
    assert rig.gate.told[-1][1:] == ("reject", "challenge")
    assert "CH-GOOD" not in rig.hot.interlock.why
    bad = ask(rig, SCRATCHED, "CH-BAD")
    assert bad.reason == "challenge"
    assert rig.hot.interlock.ready, rig.hot.interlock.why
    assert ask(rig, GOOD, "P-2").reason == "model"
    database = rig.hot.journal.database
    assert not database.rows("images_wanted", limit=9), "no picture of a challenge part is sent"
    windowed = [row[0] for row in database.rows("parts_for_window", after=0, limit=9)]
    assert set(windowed).isdisjoint({good.id, bad.id})


def test_they_are_due_again_after_so_many_parts(rig: LineRig) -> None:
    pass_both(rig)
    for number in range(5):
        assert ask(rig, GOOD, f"P-{number}").reason == "model"
    rig.hot._look(at_once=True)
    assert "CH-GOOD is due every 6 parts" in rig.hot.interlock.why
    assert ask(rig, GOOD, "P-9").reason == "not-ready"


def test_they_are_due_at_every_start_and_model_change(tmp_path: Path, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, config()) as rig:
        pass_both(rig)
        assert rig.hot.interlock.ready
        other = altered_bundle(tmp_path / "other", recipe__views__count=1, thresholds=(0.4, 0.4))
        rig.channel.deliver({"kind": "activate", "bundle": install(rig.home, other, active=False)})
        for _ in range(200):
            rig.step()
            if not rig.hot.interlock.ready:
                break
        assert "is due after a change of the model" in rig.hot.interlock.why
    with LineRig(tmp_path / "home", bundle, config()) as again:
        again.step()
        assert "is due at every start of the station" in again.hot.interlock.why


def test_hours_are_counted_on_the_monotonic_clock(tmp_path: Path, bundle: Path) -> None:
    hand = HandClock()
    with LineRig(tmp_path / "home", bundle, config(every_hours=8), Bench(clock=hand.clock), hand.clock) as rig:
        pass_both(rig)
        hand.jump(365 * 86_400.0)
        rig.hot._look(at_once=True)
        assert rig.hot.challenges.why == ""
        hand.forward(8 * 3600.0)
        rig.hot._look(at_once=True)
        assert "is due every 8 hours" in rig.hot.challenges.why


def test_the_next_part_is_taken_for_one_that_was_started(rig: LineRig) -> None:
    record.arm(rig.hot.journal.database, "CH-BAD")
    part = ask(rig, SCRATCHED, "")
    assert part.reason == "challenge"
    assert record.armed(rig.hot.journal.database) == ""
    assert record.last_presented(rig.hot.journal.database)["CH-BAD"].passed


def test_a_failure_locks_until_somebody_unlocks_with_a_reason(tmp_path: Path, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, config()) as rig:
        pass_both(rig)
        for number in range(3):
            ask(rig, GOOD, f"P-{number}")
        failed = ask(rig, GOOD, "CH-BAD")
        assert failed.reason == "challenge"
        assert "locked since challenge part CH-BAD failed: the machine accepts it" in rig.hot.interlock.why
        assert ask(rig, SCRATCHED, "CH-BAD").reason == "not-ready", "presenting it again does not unlock"
        assert rig.hot.oversight.mode is Automation.ASSIST
        database = rig.hot.journal.database
        lock = record.locked(database)
        assert lock is not None
        assert [suspect.serial for suspect in record.suspects(database, lock)] == ["P-0", "P-1", "P-2"]
        with pytest.raises(Rejected, match="locked"):
            record.arm(database, "CH-BAD")
    with LineRig(tmp_path / "home", bundle, config()) as again:
        again.step()
        assert "locked since" in again.hot.interlock.why, "a restart is no key"
        assert again.said("health")[-1]["challenge"] == "locked"
        assert again.hot.oversight.mode is Automation.ASSIST
        record.unlock(again.hot.journal.database, again.boot, "Chiara", "lens cleaned", 1)
        again.channel.deliver({"kind": "look"})
        again.step()
        assert "CH-GOOD" in again.hot.interlock.why
        assert "CH-BAD" in again.hot.interlock.why, "earlier passes do not count after a lock"
        with pytest.raises(Rejected, match="not locked"):
            record.unlock(again.hot.journal.database, again.boot, "Chiara", "again", 1)


def test_a_lock_outlives_the_configuration(tmp_path: Path, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, config()) as rig:
        ask(rig, SCRATCHED, "CH-GOOD")
        assert record.locked(rig.hot.journal.database) is not None
    with LineRig(tmp_path / "home", bundle, StationConfig()) as again:
        again.step()
        assert "locked" in again.hot.interlock.why


def test_a_model_that_always_fails_lets_people_decide(tmp_path: Path) -> None:
    broken = altered_bundle(tmp_path / "nan", recipe__views__count=1, model=nan_graph())
    requested = StationConfig(trigger=TriggerConfig(kind="http"))
    with LineRig(tmp_path / "home", broken, requested) as rig:
        assert rig.hot.oversight.mode is Automation.PARTIAL
        for _ in range(3):
            assert ask(rig, GOOD).reason == "model-error"
        rig.step()
        assert rig.hot.oversight.mode is Automation.ASSIST
        rig.channel.deliver({"kind": "settings", "automation": "full"})
        rig.step()
        assert rig.hot.oversight.mode is Automation.ASSIST, "no word lifts a demotion"
        entries = history(rig.hot.journal.database)
        assert [(entry.cause, entry.after) for entry in entries] == [
            ("word", "assist"),
            ("demoted", "assist"),
            ("word", "partial"),
        ]
        last = last_change(rig.hot.journal.database)
        assert last is not None
        assert last.demoted


def test_the_fleet_moves_the_degree_and_it_is_remembered(tmp_path: Path, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, StationConfig()) as rig:
        rig.channel.deliver({"kind": "settings", "automation": "full", "audit": 1.0})
        rig.step()
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        sample = rig.hot.journal.database.row("part_sample", part=rig.parts()[0].id)
        assert sample == ("accept", "uniform", 1.0, sample[3])
        evidence = read_evidence(rig.hot.journal.database, str(rig.bundle), 10)
        assert (evidence.answered, evidence.unanswered) == (0, 1)
    with LineRig(tmp_path / "home", bundle, StationConfig()) as again:
        again.channel.deliver({"kind": "settings", "automation": "full"})
        again.step()
        assert again.hot.oversight.mode is Automation.FULL


def test_the_fleet_may_ask_for_more_answers_than_the_station_and_not_for_less(tmp_path: Path, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, StationConfig(sampling=SamplingConfig(audit=0.1))) as rig:
        for asked, holds in ((0.0, 0.1), (0.4, 0.4), ("all", 0.4), (0.2, 0.2)):
            rig.channel.deliver({"kind": "settings", "audit": asked})
            rig.step()
            assert rig.hot.settings.shares.audit == holds


def test_an_ordinary_station_samples_nothing_and_asks_for_nothing(tmp_path: Path) -> None:
    with LineRig(tmp_path, TINY) as rig:
        rig.camera.show(picture(GOOD), view=0, views=2)
        rig.camera.show(picture(SCRATCHED), view=1, views=2)
        rig.step(until=1)
        assert rig.hot.journal.database.row("part_sample", part=rig.parts()[0].id) is None
        assert rig.hot.challenges.why == ""
