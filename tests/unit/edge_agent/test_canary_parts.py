"""A challenger that decides a share of the parts: who decided, what is written down, and what it may cost."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.challenge.settings import ChallengeConfig, ChallengePart
from edge_agent.config import SamplingConfig, StationConfig, TriggerConfig
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.install.slots import bundle_folder
from edge_agent.journal.canary import CanaryCounts, canary_counts
from edge_agent.uplink.windows import Windows, baselines_below
from tests.simulators.line import GOOD, SCRATCHED, TINY_2, LineRig, altered_bundle, install, picture
from tests.simulators.models import Shelf

ALL_GOOD, ALL_BAD, ALL_UNSURE = (1.0, 1.0), (0.0, 0.0), (0.0, 1.0)
NEVER = float("inf")


def rig_with(folder: Path, **options: Any) -> LineRig:
    return LineRig(folder / "station", load=options.pop("load", Shelf()), **options)


def canary(
    rig: LineRig, folder: Path, share: float = 1.0, thresholds: tuple[float, float] | None = None, **changes: Any
) -> str:
    """Install a challenger that decides a share, and wait until it is loaded."""
    if thresholds is not None:
        changes["thresholds"] = thresholds
    bundle = install(rig.home, altered_bundle(folder / "second", TINY_2, **changes), active=False)
    rig.channel.deliver({"kind": "challenger", "bundle": bundle, "share": share})
    for _ in range(300):
        rig.step(0.01)
        if rig.hot.health()["challenger"] == bundle:
            return bundle
    raise AssertionError("the challenger was never loaded")


def show(rig: LineRig, *names: str) -> None:
    """Let parts come; return when all have a verdict and nothing is left to be judged a second time."""
    before = len(rig.parts())
    for index, name in enumerate(names):
        rig.camera.show(picture(name), f"s{before + index}")
    rig.step(until=before + len(names))
    rig.step()


def rows(rig: LineRig, query: str, **values: Any) -> list[tuple[Any, ...]]:
    return rig.hot.journal.database.rows(query, **values)


def test_a_drawn_part_is_the_challengers_and_the_journal_has_both_opinions(tmp_path: Path) -> None:
    with rig_with(tmp_path) as rig:
        second = canary(rig, tmp_path)
        assert rig.hot.health()["share"] == 1.0
        show(rig, GOOD, SCRATCHED)
        assert [part.bundle for part in rig.parts()] == [second] * 2
        assert [(part.final, part.reason) for part in rig.parts()] == [("accept", "model"), ("reject", "model")]
        assert rig.gate.told == [(1, "accept", "model"), (2, "reject", "model")]
        found = rows(rig, "part_canary", part=1)[0]
        assert found[:5] == (second, 1.0, "decided", rig.bundle, "accept")
        assert found[6] == "accept"
        assert found[7] == rig.parts()[0].score
        assert canary_counts(rig.hot.journal.database, second) == CanaryCounts(2, 2, 0, 0, 0)


def test_the_share_is_drawn_and_the_other_parts_stay_the_champions(tmp_path: Path) -> None:
    with rig_with(tmp_path, seed=7) as rig:
        second = canary(rig, tmp_path, share=0.3)
        show(rig, *[GOOD] * 40)
        by = [part.bundle for part in rig.parts()]
        counts = canary_counts(rig.hot.journal.database, second)
        assert by.count(second) == counts.decided == counts.drawn
        assert 4 <= counts.drawn <= 20
        assert by.count(rig.bundle) == 40 - counts.drawn
        both = rows(rig, "challenger_parts", bundle=second, after=0, limit=99)
        skipped = rig.hot.journal.tallies().get("challenger.skipped", 0)
        assert len(both) + skipped == 40, "the others are judged beside the champion, where time allows"
        assert {row[3] for row in both} == {rig.bundle}
        summary = rig.hot.vitals.summary()
        assert (summary["parts"], summary["bundle_parts"]) == (40, 40 - counts.drawn)


@pytest.mark.parametrize(
    ("thresholds", "shown", "verdict"),
    [(ALL_GOOD, SCRATCHED, "review"), (ALL_BAD, GOOD, "review"), (ALL_BAD, SCRATCHED, "reject")],
)
def test_where_the_two_contradict_a_person_decides(
    tmp_path: Path, thresholds: tuple[float, float], shown: str, verdict: str
) -> None:
    with rig_with(tmp_path) as rig:
        second = canary(rig, tmp_path, thresholds=thresholds)
        show(rig, shown)
        part = rig.parts()[0]
        assert (part.verdict, part.bundle) == (verdict, second)
        assert (part.final is None) == (verdict == "review")
        assert canary_counts(rig.hot.journal.database, second).disputed == int(verdict == "review")


def test_where_nobody_is_asked_a_contradiction_rejects(tmp_path: Path) -> None:
    with rig_with(tmp_path, config=StationConfig(automation=Automation.FULL)) as rig:
        canary(rig, tmp_path, thresholds=ALL_GOOD)
        show(rig, SCRATCHED, GOOD)
        assert [(part.final, part.reason) for part in rig.parts()] == [("reject", "unsure"), ("accept", "model")]


def test_a_challenger_that_fails_leaves_the_part_to_the_champion(tmp_path: Path) -> None:
    shelf = Shelf()
    with rig_with(tmp_path, load=shelf) as rig:
        second = canary(rig, tmp_path)
        shelf.broken.set()
        show(rig, GOOD, SCRATCHED)
        assert [(part.final, part.bundle) for part in rig.parts()] == [("accept", rig.bundle), ("reject", rig.bundle)]
        assert canary_counts(rig.hot.journal.database, second) == CanaryCounts(2, 0, 0, 0, 2)
        assert rows(rig, "parts_beside", after=0, bundle=second) == [(2, 2)], "what ends a canary counts them"
        assert rig.hot.vitals.summary()["bundle_parts"] == 2
        assert not rig.hot.vitals.failing


def test_a_challenger_that_hangs_makes_no_part_late_and_its_word_is_kept_when_it_comes(tmp_path: Path) -> None:
    shelf = Shelf()
    bundle = altered_bundle(tmp_path / "hasty", recipe__deadline_ms=1500)
    with rig_with(tmp_path, load=shelf, bundle=bundle) as rig:
        second = canary(rig, tmp_path)
        shelf.going.clear()
        show(rig, GOOD, SCRATCHED)
        assert [part.bundle for part in rig.parts()] == [rig.bundle] * 2
        assert [(part.final, part.reason) for part in rig.parts()] == [("accept", "model"), ("reject", "model")]
        assert canary_counts(rig.hot.journal.database, second) == CanaryCounts(2, 0, 0, 2, 0)
        assert rows(rig, "challenger_parts", bundle=second, after=0, limit=9) == []

        shelf.going.set()
        for _ in range(100):
            rig.step(0.02)
            if len(rows(rig, "challenger_parts", bundle=second, after=0, limit=9)) == 2:
                break
        kept = rows(rig, "challenger_parts", bundle=second, after=0, limit=9)
        assert [(row[0], row[5], row[8]) for row in kept] == [(1, "accept", "late"), (2, "reject", "late")]
        show(rig, GOOD)
        assert rig.parts()[2].bundle == second


def test_nobody_waits_for_the_challenger_when_another_part_has_come(tmp_path: Path) -> None:
    shelf = Shelf()
    config = StationConfig(trigger=TriggerConfig(kind="http", depth=8))
    with rig_with(tmp_path, load=shelf, config=config) as rig:
        second = canary(rig, tmp_path)
        shelf.going.clear()
        for serial in ("a", "b", "c"):
            rig.camera.show(picture(GOOD), serial)
        trigger = {"kind": "trigger", "serial": ""}
        later = threading.Timer(0.2, lambda: [rig.channel.deliver(trigger) for _ in range(2)])
        rig.channel.deliver(trigger)
        later.start()
        begun = time.monotonic()
        rig.step(until=3)
        assert time.monotonic() - begun < 25, "the parts have a minute each, half of which the challenger would have"
        assert [(part.final, part.reason) for part in rig.parts()] == [("accept", "model")] * 3
        assert canary_counts(rig.hot.journal.database, second).late == 3
        shelf.going.set()


def test_a_part_that_waits_already_is_not_kept_waiting_at_all(tmp_path: Path) -> None:
    config = StationConfig(trigger=TriggerConfig(kind="http", depth=8))
    with rig_with(tmp_path, config=config) as rig:
        second = canary(rig, tmp_path)
        for serial in ("a", "b"):
            rig.camera.show(picture(GOOD), serial)
            rig.channel.deliver({"kind": "trigger", "serial": serial})
        rig.step(until=2)
        assert canary_counts(rig.hot.journal.database, second) == CanaryCounts(2, 1, 0, 1, 0)
        assert [part.bundle for part in rig.parts()] == [rig.bundle, second]
        rig.step()
        found = rows(rig, "challenger_parts", bundle=second, after=0, limit=9)
        assert [(row[0], row[8]) for row in found] == [(1, "late"), (2, "decided")], "looked at when nobody waited"


def test_what_is_no_picture_of_a_part_is_left_to_no_chance(tmp_path: Path) -> None:
    with rig_with(tmp_path) as rig:
        second = canary(rig, tmp_path)
        rig.camera.show(None, "torn")
        rig.step(until=1)
        assert (rig.parts()[0].final, rig.parts()[0].reason) == ("reject", "bad-image")
        assert canary_counts(rig.hot.journal.database, second).drawn == 0


def test_a_challenger_for_another_product_decides_nothing(tmp_path: Path) -> None:
    with rig_with(tmp_path) as rig:
        second = canary(rig, tmp_path, recipe__name="another")
        show(rig, GOOD)
        assert rig.parts()[0].bundle == rig.bundle
        assert len(rows(rig, "challenger_parts", bundle=second, after=0, limit=9)) == 1


def test_while_another_product_is_made_the_challenger_says_nothing(tmp_path: Path) -> None:
    with rig_with(tmp_path) as rig:
        second = canary(rig, tmp_path, name="caps")
        show(rig, GOOD)
        assert rig.parts()[0].bundle == rig.bundle
        assert rows(rig, "challenger_parts", bundle=second, after=0, limit=9) == []


def test_challenge_parts_try_the_champion_and_are_in_no_share(tmp_path: Path) -> None:
    section = ChallengeConfig(parts=(ChallengePart(name="bad-1", known=Verdict.REJECT),))
    config = StationConfig(trigger=TriggerConfig(kind="http"), challenge=section)
    with rig_with(tmp_path, config=config) as rig:
        second = canary(rig, tmp_path, thresholds=ALL_GOOD)
        rig.camera.show(picture(SCRATCHED), "bad-1")
        rig.channel.deliver({"kind": "trigger", "serial": "bad-1"})
        rig.step(until=1)
        part = rig.parts()[0]
        assert (part.reason, part.bundle) == ("challenge", rig.bundle)
        assert rows(rig, "last_challenges")[0][6] == 1, "it was passed, whatever the challenger thinks"
        assert canary_counts(rig.hot.journal.database, second).drawn == 0


def test_all_parts_are_in_the_champions_windows_with_what_the_champion_saw(tmp_path: Path) -> None:
    with rig_with(tmp_path, seed=5) as rig:
        second = canary(rig, tmp_path, share=0.5)
        show(rig, *[GOOD] * 12)
        assert {part.bundle for part in rig.parts()} == {rig.bundle, second}
        seen = rows(rig, "parts_for_window", after=0, limit=99)
        assert {row[7] for row in seen} == {rig.bundle}
        assert len({row[6] for row in seen}) == 1, "one picture, one model, one score"
        assert len({row[11] for row in seen}) == 1
        database = rig.hot.journal.database
        windows = Windows(
            database, rig.boot, baselines_below(lambda one: bundle_folder(rig.home.root, one)), rig.hot.clock, NEVER
        )
        assert windows.advance() == 0, "a change of the deciding model closes no window"
        assert windows._open is not None
        assert (windows._open.bundle, windows._open.parts) == (rig.bundle, 12)


def test_answers_count_for_the_model_that_decided(tmp_path: Path) -> None:
    config = StationConfig(sampling=SamplingConfig(audit=1.0))
    with rig_with(tmp_path, config=config, seed=5) as rig:
        second = canary(rig, tmp_path, share=0.5, thresholds=ALL_UNSURE)
        show(rig, *[GOOD] * 8)
        mine = [part.id for part in rig.parts() if part.bundle == second]
        assert 0 < len(mine) < 8
        for bundle, opinion, count in ((second, "review", len(mine)), (rig.bundle, "accept", 8 - len(mine))):
            found = rows(rig, "evidence", since=0, bundle=bundle)
            waits = sum(1 for part in rig.parts() if part.bundle == bundle and part.final is None)
            assert [row for row in found if row[2]] == ([(opinion, None, count - waits)] if count > waits else [])


def test_the_share_may_grow_without_loading_anything_and_end(tmp_path: Path) -> None:
    shelf = Shelf()
    with rig_with(tmp_path, load=shelf) as rig:
        second = canary(rig, tmp_path, share=0.0)
        show(rig, GOOD)
        rig.channel.deliver({"kind": "challenger", "bundle": second, "share": 1.0})
        show(rig, GOOD)
        rig.channel.deliver({"kind": "challenger", "bundle": None})
        show(rig, GOOD)
        assert [part.bundle for part in rig.parts()] == [rig.bundle, second, rig.bundle]
        assert shelf.loads == [rig.bundle, second]


def test_a_challenger_is_taken_into_use_without_being_loaded_again(tmp_path: Path) -> None:
    shelf = Shelf()
    with rig_with(tmp_path, load=shelf) as rig:
        second = canary(rig, tmp_path)
        rig.channel.deliver({"kind": "activate", "bundle": second})
        show(rig, GOOD)
        assert [part.bundle for part in rig.parts()] == [second]
        assert shelf.loads == [rig.bundle, second]
        assert rig.hot.health()["challenger"] is None
        assert rows(rig, "part_canary", part=1) == []
