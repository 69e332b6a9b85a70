"""The model before: held in memory, and back from the next part on without being loaded again."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from edge_agent.cli import main
from tests.simulators.line import GOOD, TINY_2, LineRig, altered_bundle, install, picture
from tests.simulators.models import Shelf


def judged_by(rig: LineRig) -> str | None:
    """Let one part come and say whose verdict it has."""
    before = len(rig.parts())
    rig.camera.show(picture(GOOD), f"s{before}")
    rig.step(until=before + 1)
    return rig.parts()[-1].bundle


def loaded(rig: LineRig, shelf: Shelf, count: int) -> bool:
    for _ in range(300):
        rig.step(0.01)
        if len(shelf.loads) == count:
            rig.step(0.05)
            return True
    return False


def test_the_part_after_the_order_is_judged_by_the_model_before_and_nothing_is_loaded(tmp_path: Path) -> None:
    shelf = Shelf()
    with LineRig(tmp_path / "station", load=shelf) as rig:
        first = rig.bundle
        second = install(rig.home, altered_bundle(tmp_path / "second", TINY_2), active=False)
        rig.channel.deliver({"kind": "activate", "bundle": second})
        assert loaded(rig, shelf, 2)
        assert judged_by(rig) == second
        for way in (first, second, first):
            rig.channel.deliver({"kind": "revert", "bundle": way})
            assert judged_by(rig) == way
        assert shelf.loads == [first, second]


def test_after_a_restart_the_model_before_is_held_again_where_it_is_asked_for(tmp_path: Path) -> None:
    shelf = Shelf()
    with LineRig(tmp_path / "station", load=shelf) as rig:
        before = install(rig.home, altered_bundle(tmp_path / "second", TINY_2), active=False)
        rig.channel.deliver({"kind": "warm", "bundle": before})
        assert loaded(rig, shelf, 2)
        assert rig.hot.health()["warm"] == before
        assert judged_by(rig) == rig.bundle, "being held changes nothing"
        rig.channel.deliver({"kind": "warm", "bundle": before})
        rig.channel.deliver({"kind": "revert", "bundle": before})
        assert judged_by(rig) == before
        assert shelf.loads == [rig.bundle, before]


def test_a_held_model_outlives_others_that_come_and_go_until_nobody_wants_it(tmp_path: Path) -> None:
    shelf = Shelf()
    with LineRig(tmp_path / "station", load=shelf) as rig:
        first = rig.bundle
        second = install(rig.home, altered_bundle(tmp_path / "second", TINY_2), active=False)
        third = install(rig.home, altered_bundle(tmp_path / "third", TINY_2, recipe__deadline_ms=50_000), active=False)
        rig.channel.deliver({"kind": "activate", "bundle": second})
        assert loaded(rig, shelf, 2)
        rig.channel.deliver({"kind": "warm", "bundle": first})
        rig.channel.deliver({"kind": "activate", "bundle": third})
        assert loaded(rig, shelf, 3)
        for bundle in (second, third, first):
            rig.channel.deliver({"kind": "activate", "bundle": bundle})
            assert judged_by(rig) == bundle
        assert len(shelf.loads) == 3, "as at a station that changes over to another product and back"
        rig.channel.deliver({"kind": "warm", "bundle": None})
        rig.step()
        assert rig.hot.champion.held is None


def test_a_model_that_cannot_be_held_leaves_the_line_as_it_is(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "warm", "bundle": "0" * 64})
        for _ in range(30):
            rig.step(0.01)
        assert rig.hot.health()["warm"] is None
        assert judged_by(rig) == rig.bundle


def test_a_station_that_stands_still_cannot_be_switched_back(tmp_path: Path) -> None:
    with LineRig(tmp_path):
        pass
    (tmp_path / "station.yaml").write_text("{}")
    result = CliRunner().invoke(main, ["switch-back", "--home", str(tmp_path), "--why", "x"])
    assert result.exit_code != 0
    assert "start it" in result.output
