"""The hot loop on a bench: real bundle, real journal, a camera under the test's hand."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.triggers import MessageIds
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.events import Decided
from edge_agent.contracts.measures import feature_names
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Verdict
from edge_agent.journal import outbox, reviews
from tests.conftest import wait_for
from tests.simulators.line import GOOD, SCRATCHED, TINY_2, Bench, LineRig, altered_bundle, install, picture


def test_a_good_part_is_accepted_and_a_scratched_one_rejected(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.camera.show(picture(GOOD), "a")
        rig.camera.show(picture(SCRATCHED), "b")
        rig.step(until=2)
        good, bad = rig.parts()
        assert (good.serial, good.final, good.reason) == ("a", "accept", "model")
        assert (bad.serial, bad.final, bad.label) == ("b", "reject", "scratch")
        assert rig.gate.told == [(1, "accept", "model"), (2, "reject", "model")]
        assert good.score is not None
        assert bad.score is not None
        assert good.score < 0.1 < 0.9 < bad.score
        assert good.bundle == rig.bundle


def test_each_decision_is_in_the_outbox_as_the_contract_says(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.camera.show(picture(GOOD), "a")
        rig.step(until=1)
        entries = outbox.page(rig.hot.journal.database, rig.boot, Stream.EVENT, 0, 10)
        content = json.loads(entries[0].payload)
        event = Decided.model_validate(content)
        assert event.model_dump(mode="json") == content
        assert (event.part, event.part_boot, event.serial, event.final) == (1, rig.boot, "a", Verdict.ACCEPT)


def test_features_are_one_row_per_view_in_the_order_of_the_baseline(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        for view in range(2):
            rig.camera.show(picture(GOOD), "a", view, 2)
        rig.step(until=1)
        row = rig.hot.journal.database.row("parts_for_window", after=0, limit=5)
        assert row is not None
        values = np.frombuffer(row[-1], "<f4").reshape(2, -1)
        assert values.shape[1] == len(feature_names(8))
        assert 60 < values[0, 0] < 200, "brightness comes first"
        assert values[0, 5] == pytest.approx(rig.parts()[0].score, abs=0.2)


def test_without_a_model_no_part_is_counted_but_a_requested_one_is_rejected(tmp_path: Path) -> None:
    with LineRig(tmp_path, bundle=None) as rig:
        rig.camera.show(picture(GOOD), "a")
        rig.step()
        assert rig.parts() == []
        assert rig.hot.interlock.why == "no model is installed"
        rig.channel.deliver({"kind": "trigger", "serial": "x", "request": "r1"})
        rig.step(until=1)
        assert (rig.parts()[0].final, rig.parts()[0].reason) == ("reject", "not-ready")
        assert rig.said("triggered")[0]["request"] == "r1"


def test_a_requested_part_is_answered(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http"))
    with LineRig(tmp_path, config=config) as rig:
        rig.camera.show(picture(SCRATCHED), views=1)
        rig.channel.deliver({"kind": "trigger", "serial": "x-9", "request": "r1"})
        rig.step(until=1)
        answer = rig.said("triggered")[0]
        assert (answer["request"], answer["verdict"], answer["seq"]) == ("r1", "reject", 1)
        assert rig.parts()[0].serial == "x-9"


def test_a_message_delivered_twice_makes_one_part_even_after_a_restart(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http"))
    ask = {"kind": "trigger", "serial": "x", "id": "m1"}
    with LineRig(tmp_path, config=config) as rig:
        rig.camera.show(picture(GOOD))
        for _ in range(3):
            rig.channel.deliver(ask)
        rig.step(until=1)
        rig.step()
        assert rig.hot.journal.last_messages(9) == ["m1"]
        assert rig.hot.journal.tallies()["trigger.repeated"] == 2
    with LineRig(tmp_path, bundle=None, config=config) as again:
        again.camera.show(picture(GOOD))
        for message in (ask, {**ask, "id": "m2"}, {**ask, "id": ""}):
            again.channel.deliver(message)
        again.camera.show(picture(GOOD))
        again.step(until=3)
        assert len(again.parts()) == 3
        assert again.hot.journal.last_messages(9) == ["m1", "m2"]


def test_only_the_last_ids_are_remembered() -> None:
    ids = MessageIds(["a", "b"], 3)
    assert [ids.repeated(name) for name in ("a", "b", "c", "d", "", "")] == [True, True, False, False, False, False]
    assert [ids.repeated(name) for name in ("b", "d", "a")] == [True, True, False]


@pytest.mark.fault("A16")
def test_more_triggers_than_may_wait_are_rejected_as_overrun(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http", depth=2))
    with LineRig(tmp_path, config=config) as rig:
        for index in range(4):
            rig.camera.show(picture(GOOD))
            rig.channel.deliver({"kind": "trigger", "serial": f"s{index}", "request": "r"})
        rig.step(until=4)
        reasons = sorted((part.serial, part.reason) for part in rig.parts())
        assert reasons == [("s0", "model"), ("s1", "model"), ("s2", "overrun"), ("s3", "overrun")]
        assert rig.hot.journal.tallies()["reason.overrun"] == 2


@pytest.mark.fault("A15")
def test_a_bouncing_trigger_is_one_part(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http", debounce_ms=50))
    with LineRig(tmp_path, config=config) as rig:
        rig.camera.show(picture(GOOD))
        now = time.monotonic()
        for offset in (0.0, 0.01, 0.04):
            rig.channel.deliver({"kind": "trigger", "at": now + offset, "request": "r"})
        rig.step(until=1)
        rig.step()
        assert len(rig.parts()) == 1
        assert rig.hot.journal.tallies()["trigger.bounced"] == 2
        assert [answer.get("bounced", False) for answer in rig.said("triggered")] == [True, True, False]


def test_an_unsure_part_waits_for_a_person_and_then_moves_the_gate(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "unsure", thresholds=(0.000001, 0.999999))
    with LineRig(tmp_path / "home", bundle) as rig:
        rig.camera.show(picture(GOOD), "a")
        rig.step(until=1)
        assert rig.parts()[0].verdict == "review"
        assert rig.gate.told == []
        waiting = reviews.waiting(rig.hot.journal)
        assert waiting[0].serial == "a"
        wait_for(lambda: reviews.waiting(rig.hot.journal)[0].image is not None, 5, "the picture")
        image = reviews.waiting(rig.hot.journal)[0].image
        assert (rig.home.images / str(image)[:2] / f"{image}.png").is_file()
        now = rig.hot.clock.monotonic()
        reviews.answer(rig.hot.journal, waiting[0].part, "ann", Verdict.ACCEPT, "", 0, now)
        rig.channel.deliver({"kind": "review_decided", "review": waiting[0].part})
        rig.step()
        wait_for(lambda: rig.gate.told == [(1, "accept", "operator")], 5, "the gate")
        wait_for(lambda: rig.parts()[0].output == "driven", 5, "the note of it")


def test_the_gate_moves_for_a_held_answer_once_it_settles_and_never_for_one_taken_back(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "unsure", thresholds=(0.000001, 0.999999))
    with LineRig(tmp_path / "home", bundle) as rig:
        journal, clock = rig.hot.journal, rig.hot.clock
        for serial in ("a", "b"):
            rig.camera.show(picture(GOOD), serial)
        rig.step(until=2)
        first, second = (review.part for review in reviews.waiting(journal))
        for part, undo_s in ((first, 0.5), (second, 30.0)):
            said = reviews.Said(part, "ann", Verdict.ACCEPT, "", 0)
            assert reviews.hold(journal, said, undo_s, clock.monotonic())[0] is reviews.Outcome.HELD
        assert rig.gate.told == []
        assert reviews.withdraw(journal, second, "ann", 0, clock.monotonic()) is reviews.Withdrawal.WITHDRAWN
        wait_for(lambda: rig.gate.told == [(1, "accept", "operator")], 5, "the gate")
        wait_for(lambda: journal.part(first).output == "driven", 5, "the note of it")
        assert reviews.withdraw(journal, first, "ann", 0, clock.monotonic()) is reviews.Withdrawal.DRIVEN
        time.sleep(0.2)
        assert (rig.gate.told, journal.part(second).final) == ([(1, "accept", "operator")], None)


@pytest.mark.parametrize("degree", ["human", "shadow", "assist"])
def test_below_partial_a_person_decides_every_part(tmp_path: Path, degree: str) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "settings", "automation": degree})
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        assert rig.parts()[0].verdict == "review"


def test_nonsense_settings_change_nothing(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        before = rig.hot.settings
        rig.channel.deliver({"kind": "settings", "automation": "robot", "audit": 7})
        rig.step()
        assert rig.hot.settings == before


def test_an_audited_accept_names_its_picture_in_its_event(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "settings", "audit": 1.0})
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        image = rig.parts()[0].image
        event = json.loads(outbox.page(rig.hot.journal.database, rig.boot, Stream.EVENT, 0, 9)[0].payload)
        assert image is not None
        assert event["image"] == image
        wait_for((rig.home.images / image[:2] / f"{image}.png").is_file, 5, "the picture")
        upload = rig.hot.journal.database._connection.execute
        wait_for(lambda: upload("SELECT upload FROM image").fetchall() == [("wanted",)], 5, "its entry")


def test_the_model_is_swapped_between_two_parts_and_back_at_once(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        second = install(rig.home, altered_bundle(tmp_path / "second", TINY_2), active=False)
        rig.channel.deliver({"kind": "activate", "bundle": second})
        for _ in range(200):
            rig.step(0.01)
            if rig.said("activated")[-1]["bundle"] == second:
                break
        assert rig.hot.champion.active is not None
        assert rig.hot.champion.active.bundle == second
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        assert rig.parts()[-1].bundle == second
        started = time.monotonic()
        rig.channel.deliver({"kind": "revert", "bundle": rig.bundle})
        rig.step(0.0)
        assert rig.said("activated")[-1]["bundle"] == rig.bundle
        assert time.monotonic() - started < 2.0


def test_a_bundle_that_cannot_be_loaded_leaves_the_champion(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "activate", "bundle": "0" * 64})
        for _ in range(100):
            rig.step(0.01)
            if rig.said("activate_failed"):
                break
        assert "not installed" in rig.said("activate_failed")[0]["reason"]
        assert rig.hot.interlock.ready


def test_a_tampered_bundle_is_not_loaded(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        second = install(rig.home, TINY_2, active=False)
        manifest = rig.home.bundle(second) / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b'"version":"v2"', b'"version":"v9"'))
        rig.channel.deliver({"kind": "activate", "bundle": second})
        for _ in range(100):
            rig.step(0.01)
            if rig.said("activate_failed"):
                break
        assert "fetch the bundle again" in rig.said("activate_failed")[0]["reason"]


def test_health_is_told_to_uplink_and_page(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        told = rig.said("health")
        assert {message["to"] for message in told} == {"uplink", "ui"}
        assert rig.hot.health()["parts"] == 1
        assert rig.said("status")[-1]["ready"] is True


def test_an_interval_makes_parts_that_wait_for_their_turn(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="interval", every_ms=20, depth=64))
    with LineRig(tmp_path, config=config) as rig:
        for _ in range(3):
            rig.camera.show(picture(GOOD))
        rig.step(until=3)
        assert [part.final for part in rig.parts()[:3]] == ["accept"] * 3


def test_many_stations_live_in_one_process(tmp_path: Path) -> None:
    rigs = [LineRig(tmp_path / str(index), camera=Bench()) for index in range(3)]
    for rig in rigs:
        with rig:
            rig.camera.show(picture(GOOD))
            rig.step(until=1)
            assert len(rig.parts()) == 1


def test_the_journal_knows_since_when_the_station_is_ready_and_why_not(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.camera.show(picture(GOOD), "a")
        rig.step(until=1)
        database = rig.hot.journal.database

        def ready() -> list[tuple[int, str]]:
            return [(row[2], row[3]) for row in database.rows("readiness", from_ms=0, to_ms=1 << 60)]

        wait_for(lambda: ready()[-1:] == [(1, "")], 5.0, "a stretch in which the station is ready")
        rig.hot.camera.fault = "the camera is away"
        rig.step()
        wait_for(lambda: ready()[-1:] == [(0, "the camera is away")], 5.0, "a stretch in which it is not")
