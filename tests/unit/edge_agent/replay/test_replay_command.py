"""`edge-agent replay` with real bundles: a folder of labelled pictures, and what a station's ring still holds."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

from edge_agent.capture.frame import Frame
from edge_agent.cli import main
from edge_agent.clock import SYSTEM
from edge_agent.config import StationConfig, StorageConfig
from edge_agent.contracts.verdict import Verdict
from edge_agent.journal import reviews
from edge_agent.journal.reader import read_journal
from edge_agent.journal.ring import picture_path
from edge_agent.replay.judging import Judge, open_model, word_of
from edge_agent.replay.parts import Recorded
from tests.conftest import wait_for
from tests.simulators.line import PARTS, SCRATCHED, TINY, LineRig, altered_bundle, picture

KEPT = StationConfig(storage=StorageConfig(accept_share=1.0))


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["replay", *(str(argument) for argument in arguments)])


def last_json(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.output.strip().splitlines()[-1])
    return content


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle with thresholds that accept next to nothing."""
    return altered_bundle(tmp_path_factory.mktemp("strict") / "bundle", thresholds=(1e-9, 2e-9), version="9.0.0")


def test_two_bundles_over_labelled_pictures(tmp_path: Path, strict: Path) -> None:
    table, html = tmp_path / "parts.csv", tmp_path / "page.html"
    found = last_json(
        call("--bundle", strict, "--against", TINY, "--source", PARTS, "--csv", table, "--html", html, "--json")
    )
    assert (found["parts"], found["images"], found["compared"]) == (12, 24, 12)
    assert found["mistakes"]["after"]["overkill"] == found["mistakes"]["after"]["good"] > 0
    assert found["mistakes"]["before"]["overkill"] < found["mistakes"]["after"]["overkill"]
    assert found["mistakes"]["after"]["escapes"] == 0
    assert found["agreement"] == pytest.approx(1 - len(found["changed"]) / 12)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert sum(row["changed"] == "1" for row in rows) == len(found["changed"])
    assert {row["truth"] for row in rows} == {"good", "defective"}
    text = html.read_text()
    assert text.count("data:image/jpeg") == 3 * len(found["changed"])
    assert not re.search(r"(src|href)=\"(?!data:)", text), "the page needs no other file"


def test_the_same_bundle_changes_nothing(tmp_path: Path) -> None:
    result = call("--bundle", TINY, "--against", TINY, "--source", PARTS)
    assert result.exit_code == 0, result.output
    assert "same verdict: 100.0% (12 of 12)" in result.output


def worked(folder: Path) -> LineRig:
    """A station that has judged two good parts and one scratched one, with all pictures kept."""
    rig = LineRig(folder, altered_bundle(folder / "b", recipe__views__count=1), KEPT)
    with rig:
        rig.camera.show(picture(), "S-1")
        rig.camera.show(picture(SCRATCHED), "S-2")
        rig.camera.show(picture("images/p900-002_1.jpg"), "S-3")
        rig.step(until=3)
        wait_for(lambda: all(part.image for part in rig.parts()), 20, "the pictures")
        now = SYSTEM.wall_ms()
        for part in rig.parts():
            said = Verdict.REJECT if part.serial == "S-2" else Verdict.ACCEPT
            reviews.answer(rig.hot.journal, part.id, "Anna", said, "", now, SYSTEM.monotonic())
    return rig


def test_what_a_station_recorded_against_the_same_model(tmp_path: Path) -> None:
    rig = worked(tmp_path)
    bundle = rig.home.bundle(str(rig.bundle))
    found = last_json(call("--bundle", bundle, "--home", rig.home.root, "--json"))
    assert (found["parts"], found["compared"], found["changed"]) == (3, 3, [])
    assert found["before"] == "the journal"
    assert found["mistakes"]["after"]["defective"] == 1


def test_what_a_station_recorded_against_another_model(tmp_path: Path, strict: Path) -> None:
    rig = worked(tmp_path)
    with read_journal(rig.home.journal) as reader:
        lost = next(
            row[7] for row in reader.rows("replay_parts", after=0, from_ms=0, to_ms=1 << 62, limit=9) if row[1] == "S-3"
        )
    picture_path(rig.home.images, lost).unlink()
    html = tmp_path / "page.html"
    found = last_json(call("--bundle", strict, "--home", rig.home.root, "--html", html, "--json"))
    assert (found["parts"], found["without_picture"]) == (2, 1)
    changed = {pair["serial"]: pair for pair in found["changed"]}
    assert changed["S-1"]["before"]["verdict"] == "accept"
    assert changed["S-1"]["after"]["verdict"] == "reject"
    assert changed["S-1"]["before"]["score"] == pytest.approx(changed["S-1"]["after"]["score"], abs=1e-6)
    assert html.read_text().count("data:image/jpeg") == 3 * len(changed), "the old model is on the device still"
    assert "overkill 0 -> 1" in call("--bundle", strict, "--home", rig.home.root).output


def several(folder: Path, combine: str) -> LineRig:
    """A station that has judged one part by three views, of which the second shows a scratch."""
    recipe: dict[str, Any] = {"recipe__views__count": 3, "recipe__views__combine": combine}
    rig = LineRig(folder / "home", altered_bundle(folder / "bundle", **recipe), KEPT)
    with rig:
        for view, name in enumerate(("images/p900-000_1.jpg", SCRATCHED, "images/p900-002_1.jpg")):
            rig.camera.show(picture(name), "S-1", view, 3)
        rig.step(until=1)
    return rig


@pytest.mark.parametrize("combine", ["max", "mean"])
def test_a_part_with_several_views_is_judged_by_all_of_them(tmp_path: Path, combine: str) -> None:
    rig, views, parts = several(tmp_path, combine), tmp_path / "views.csv", tmp_path / "parts.csv"
    given = ("--bundle", tmp_path / "bundle", "--home", rig.home.root, "--out", views, "--csv", parts, "--json")
    found = last_json(call(*given))
    assert (found["parts"], found["images"], found["changed"]) == (1, 3, [])
    with views.open() as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    with parts.open() as file:
        part = next(csv.DictReader(file))
    assert scores[1] == max(scores)
    expected = max(scores) if combine == "max" else sum(scores) / 3
    assert float(part["before_score"]) == pytest.approx(expected, abs=1e-5)
    assert float(part["after_score"]) == pytest.approx(expected, abs=1e-5)


def test_a_part_that_lost_one_of_its_pictures_is_not_judged_by_the_others(tmp_path: Path) -> None:
    rig = several(tmp_path, "max")
    with read_journal(rig.home.journal) as reader:
        weakest = reader.rows("part_views", part=1)[0][0]
    picture_path(rig.home.images, weakest).unlink()
    found = last_json(call("--bundle", tmp_path / "bundle", "--home", rig.home.root, "--json"))
    assert (found["parts"], found["without_picture"]) == (0, 1)
    traced = CliRunner().invoke(main, ["trace", "S-1", "--home", str(rig.home.root)])
    assert traced.exit_code == 0, traced.output
    assert "view 1: not kept" in traced.output
    assert re.search("view 2: [0-9a-f]{64}", traced.output)


def test_a_time_without_parts_is_an_empty_table(tmp_path: Path) -> None:
    rig = worked(tmp_path)
    found = last_json(call("--bundle", TINY, "--home", rig.home.root, "--from", "2099-01-01T00:00:00Z", "--json"))
    assert (found["parts"], found["agreement"]) == (0, None)


def test_doubled_serials_follow_the_recipe(tmp_path: Path) -> None:
    policy: dict[str, Any] = {"recipe__identity": {"duplicate": "reject"}, "recipe__views__count": 1}
    bundle = altered_bundle(tmp_path / "bundle", **policy)
    folder = tmp_path / "parts"
    (folder / "again").mkdir(parents=True)
    for name in ("a.png", "again/a.png"):
        cv2.imwrite(str(folder / name), picture())
    out = tmp_path / "parts.csv"
    last_json(call("--bundle", bundle, "--source", folder, "--csv", out, "--json"))
    with out.open() as file:
        assert [row["after_reason"] for row in csv.DictReader(file)] == ["model", "duplicate-id"]


def test_a_part_that_lacks_a_view_is_rejected() -> None:
    judge = Judge(open_model(TINY, "generic", 1), None, SYSTEM)
    frame = Frame(picture(), name="a", live=False)
    whole, _ = judge.judge(Recorded(1, "whole", "", (frame, frame), views=2))
    torn, _ = judge.judge(Recorded(2, "torn", "", (frame,), views=2))
    assert word_of(whole).reason == "model"
    assert (word_of(torn).verdict, word_of(torn).reason, word_of(torn).score) == ("reject", "no-image", None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--bundle", TINY], "give one of --home"),
        (["--bundle", TINY, "--source", PARTS, "--from", "06:00"], "parts of a journal"),
        (["--bundle", TINY, "--home", "/nowhere-at-all"], "no journal"),
    ],
)
def test_a_wish_that_makes_no_sense_is_one_line(given: list[str | Path], said: str) -> None:
    result = call(*given)
    assert result.exit_code == 5
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
