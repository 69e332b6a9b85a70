"""A second model beside the champion: it says what it thinks, and nothing moves for it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from edge_agent.challenger import SKIPPED
from edge_agent.cli import main
from edge_agent.config import StationConfig, TriggerConfig
from tests.simulators.line import GOOD, SCRATCHED, TINY_2, LineRig, altered_bundle, install, picture


def with_challenger(rig: LineRig, folder: Path) -> str:
    """Install a second model and wait until it is loaded beside the champion."""
    second = install(rig.home, altered_bundle(folder / "second", TINY_2), active=False)
    rig.channel.deliver({"kind": "challenger", "bundle": second})
    for _ in range(300):
        rig.step(0.01)
        if rig.hot.health()["challenger"] == second:
            return second
    raise AssertionError("the challenger was never loaded")


def opinions(rig: LineRig) -> list[tuple[int, str, str]]:
    rows = rig.hot.journal.database.rows("challenger_parts", bundle=rig.hot.health()["challenger"], after=0, limit=99)
    return [(row[0], row[5], row[6]) for row in rows]


def test_a_challenger_judges_the_same_parts_and_moves_nothing(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        second = with_challenger(rig, tmp_path)
        rig.camera.show(picture(GOOD), "a")
        rig.camera.show(picture(SCRATCHED), "b")
        rig.step(until=2)
        rig.step()
        assert [part.bundle for part in rig.parts()] == [rig.bundle] * 2
        assert rig.gate.told == [(1, "accept", "model"), (2, "reject", "model")]
        assert [part for part, _, _ in opinions(rig)] == [1, 2]
        assert rig.hot.champion.active is not None
        assert rig.hot.champion.active.bundle == rig.bundle
        assert second != rig.bundle

        rig.channel.deliver({"kind": "challenger", "bundle": None})
        rig.camera.show(picture(GOOD), "c")
        rig.step(until=3)
        rig.step()
        assert rig.hot.health()["challenger"] is None
        row = rig.hot.journal.database.rows("challenger_parts", bundle=second, after=0, limit=99)
        assert len(row) == 2


def test_a_challenger_keeps_no_part_waiting(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http", depth=64))
    with LineRig(tmp_path, config=config) as rig:
        with_challenger(rig, tmp_path)
        for serial in ("a", "b", "c"):
            rig.camera.show(picture(GOOD), serial)
            rig.channel.deliver({"kind": "trigger", "serial": serial})
        rig.step(until=3)
        rig.step()
        assert [part for part, _, _ in opinions(rig)] == [3]
        assert rig.hot.journal.tallies()[SKIPPED] == 2


def test_a_challenger_that_cannot_be_loaded_is_told_and_leaves_the_champion(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "challenger", "bundle": "0" * 64})
        for _ in range(100):
            rig.step(0.01)
            if rig.said("challenger_failed"):
                break
        assert "not installed" in rig.said("challenger_failed")[0]["reason"]
        assert rig.hot.interlock.ready


def test_a_model_that_was_loaded_too_late_to_be_challenger_becomes_nothing(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        second = install(rig.home, altered_bundle(tmp_path / "second", TINY_2), active=False)
        rig.channel.deliver({"kind": "challenger", "bundle": second})
        rig.channel.deliver({"kind": "challenger", "bundle": None})
        for _ in range(60):
            rig.step(0.01)
        assert rig.hot.champion.active is not None
        assert rig.hot.champion.active.bundle == rig.bundle
        assert rig.hot.health()["challenger"] is None


def test_the_command_says_where_the_two_differ(tmp_path: Path) -> None:
    home = tmp_path / "station"
    with LineRig(home) as rig:
        second = with_challenger(rig, tmp_path)
        for shown in (GOOD, SCRATCHED):
            rig.camera.show(picture(shown), "s")
        rig.step(until=2)
        rig.step()
    asked = ["challenger", "--home", str(home), "--json"]
    found = json.loads(CliRunner().invoke(main, asked, catch_exceptions=False).output.splitlines()[-1])
    assert (found["bundle"], found["parts"], found["decided"]) == (second, 2, 0)
    assert sum(found["table"].values()) == 2
    assert len(found["differing"]) == round((1 - found["agreement"]) * 2)
    shown = CliRunner().invoke(main, asked[:-1], catch_exceptions=False).output
    assert "2 parts judged by both" in shown


def test_without_a_challenger_the_command_says_how_to_get_one(tmp_path: Path) -> None:
    with LineRig(tmp_path):
        pass
    result = CliRunner().invoke(main, ["challenger", "--home", str(tmp_path)])
    assert result.exit_code != 0
    assert "--strategy shadow" in result.output
