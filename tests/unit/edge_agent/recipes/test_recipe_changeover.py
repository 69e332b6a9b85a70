"""Several products in one hot loop: whose word holds, which part belongs to which recipe, what is due afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.automation.ledger import last_change
from edge_agent.challenge.settings import ChallengeConfig, ChallengePart
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.verdict import Automation, Verdict
from edge_agent.install.slots import Pointer
from edge_agent.journal import changeovers
from edge_agent.recipes.board import board, chosen, order
from tests.simulators.line import GOOD, SCRATCHED, LineRig, altered_bundle, install, picture

RECIPES = {1: "tiles", 2: "leather", 3: "wood"}
SURE = (0.5, 0.5)


def config(**more: Any) -> StationConfig:
    return StationConfig(trigger=TriggerConfig(kind="http", depth=8), recipes=RECIPES, **more)


class Several(LineRig):
    """A station with models for two of its three recipes; `tiles` came first."""

    def __init__(self, folder: Path, settings: StationConfig | None = None, **leather: Any) -> None:
        settings = settings or config()
        common: dict[str, Any] = {"recipe__views__count": 1, "thresholds": SURE}
        tiles = altered_bundle(folder / "tiles", name="tiles", recipe__automation="full", **common)
        super().__init__(folder, None, settings)
        self.pointer = Pointer(folder, settings.model_names)
        self.bundles: dict[str, str] = {"tiles": install(self.home, tiles, active=False)}
        other = altered_bundle(
            folder / "leather", name="leather", **{"recipe__automation": "full", **common, **leather}
        )
        self.bundles["leather"] = install(self.home, other, active=False)
        for name, bundle in self.bundles.items():
            self.pointer.change(name, lambda slots, bundle=bundle: slots.activated(bundle, 1).committed())  # type: ignore[misc]

    def plc(self, number: int) -> None:
        self.channel.deliver({"kind": "recipe_wanted", "number": number})

    def send(self, recipe: int | str = 0, shows: str = GOOD, at: float | None = None) -> None:
        self.camera.show(picture(shows))
        message = {"kind": "trigger", "recipe": str(recipe or ""), "request": "r"}
        self.channel.deliver(message if at is None else {**message, "at": at})

    def part(self, recipe: int | str = 0, shows: str = GOOD) -> Any:
        before = len(self.parts())
        self.camera.frames.queue.clear()
        self.send(recipe, shows)
        self.step(until=before + 1)
        return self.parts()[-1]

    def ready(self) -> None:
        for _ in range(500):
            self.hot.step(0.01)
            if self.hot.interlock.ready:
                return
        raise AssertionError(self.hot.interlock.why)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Several]:
    with Several(tmp_path) as rig:
        rig.ready()
        yield rig


def test_the_plc_has_another_product_made_and_is_told_when(rig: Several) -> None:
    assert (rig.hot.changeover.number, rig.part(1).bundle) == (1, rig.bundles["tiles"])
    rig.plc(2)
    with rig.hot._models._loader._turn:  # while it is being loaded
        rig.hot.step(0.0)
        assert not rig.hot.interlock.takes_part
        assert rig.hot.interlock.why == "changing over to recipe 'leather'"
    rig.ready()
    assert (rig.hot.changeover.number, rig.part(2).bundle) == (2, rig.bundles["leather"])
    rig.plc(0)
    rig.ready()
    assert rig.part().bundle == rig.bundles["leather"], "0 asks for nothing"
    found = [row[1:3] for row in rig.hot.journal.database.rows("changeovers", limit=9)]
    assert found == [("leather", "PLC"), ("tiles", "the station")]
    ordered = changeovers.last(rig.hot.journal.database)
    assert ordered is not None
    assert ordered.ready_ms is not None


def test_a_part_is_never_judged_by_the_model_of_another_recipe(rig: Several) -> None:
    assert (rig.part(2).reason, rig.part(2).bundle) == ("not-ready", None)
    assert [rig.part(name).reason for name in ("tiles", "leather", "paper")] == ["model", "not-ready", "not-ready"]
    for _ in range(3):
        rig.send(1)
    rig.plc(2)
    rig.send(2)
    rig.step(until=8)
    rig.ready()
    rig.send(2)
    rig.step(until=10)
    judged = [(part.bundle or "")[:8] for part in rig.parts()[5:]]
    tiles, leather = rig.bundles["tiles"][:8], rig.bundles["leather"][:8]
    assert judged in ([tiles] * 3 + ["", leather], [tiles] * 3 + [leather] * 2)


def test_parts_that_came_before_the_order_are_still_judged_by_the_old_model(rig: Several) -> None:
    rig.send()
    rig.send()
    rig.plc(2)
    rig.send()
    rig.step(until=3)
    tiles = rig.bundles["tiles"]
    assert [(part.bundle, part.reason) for part in rig.parts()[:2]] == [(tiles, "model")] * 2
    assert rig.parts()[2].bundle != tiles


@pytest.mark.parametrize(
    ("number", "words"), [(7, "asks for recipe 7"), (3, "no model is installed for recipe 'wood'")]
)
def test_what_cannot_be_made_stops_the_station_and_it_says_why(rig: Several, number: int, words: str) -> None:
    rig.plc(number)
    rig.hot.step(0.0)
    assert words in rig.hot.interlock.why
    assert rig.part().reason == "not-ready"
    rig.plc(1)
    rig.ready()
    assert rig.part(1).reason == "model"


def test_the_plc_has_the_last_word_and_people_have_theirs_when_it_asks_for_nothing(rig: Several) -> None:
    rig.plc(1)
    rig.ready()
    changeovers.order(rig.hot.journal.database, rig.boot, "leather", "Anna", "tiles", 1)
    rig.channel.deliver({"kind": "look"})
    rig.ready()
    assert rig.part().bundle == rig.bundles["tiles"]
    assert [row[2] for row in rig.hot.journal.database.rows("changeovers", limit=3)] == ["PLC", "Anna", "the station"]
    rig.plc(7)
    rig.hot.step(0.0)
    rig.plc(0)
    rig.ready()
    assert rig.part().reason == "model", "a wish that was taken back"


def test_an_order_that_cannot_be_written_down_stops_the_station(rig: Several) -> None:
    rig.hot.journal.database._connection.execute("PRAGMA query_only=ON")
    rig.plc(2)
    rig.hot.step(0.0)
    assert rig.hot.interlock.why == "the order of recipe 2 cannot be written down; look at the disk"
    rig.hot.journal.database._connection.execute("PRAGMA query_only=OFF")
    rig.channel.deliver({"kind": "look"})
    rig.ready()
    assert rig.part(2).bundle == rig.bundles["leather"]


def test_a_damaged_pointer_does_not_end_the_line(rig: Several) -> None:
    kept = rig.home.slots.read_bytes()
    rig.home.slots.write_text("{")
    rig.plc(2)
    rig.hot.step(0.0)
    assert rig.hot.interlock.why == "no model is installed for recipe 'leather'"
    rig.home.slots.write_bytes(kept)
    rig.plc(1)
    rig.ready()
    assert rig.part(1).bundle == rig.bundles["tiles"]


def test_a_model_that_comes_later_is_taken_up_by_itself(rig: Several, tmp_path: Path) -> None:
    rig.plc(3)
    rig.hot.step(0.0)
    wood = install(rig.home, altered_bundle(tmp_path / "wood", name="wood", recipe__views__count=1), active=False)
    rig.pointer.change("wood", lambda slots: slots.activated(wood, 1))
    rig.hot.changeover._order.asked_at = float("-inf")  # type: ignore[union-attr]
    rig.ready()
    assert (rig.hot.changeover.number, rig.part(3).bundle) == (3, wood)


def test_the_order_outlives_a_restart(tmp_path: Path) -> None:
    with Several(tmp_path) as rig:
        rig.ready()
        changeovers.order(rig.hot.journal.database, rig.boot, "leather", "Anna", "tiles", 1)
    with LineRig(tmp_path, None, config()) as again:
        again.hot.step(0.0)
        for _ in range(500):
            if not again.hot.changeover.why:
                break
            again.hot.step(0.01)
        assert again.hot.champion.active is not None
        assert again.hot.champion.active.bundle == rig.bundles["leather"]


def test_an_update_does_not_put_the_model_of_a_resting_recipe_on_the_line(rig: Several) -> None:
    rig.channel.deliver({"kind": "activate", "bundle": rig.bundles["leather"]})
    for _ in range(50):
        rig.hot.step(0.01)
    assert rig.part(1).bundle == rig.bundles["tiles"]
    assert not [said for said in rig.said("activated") if said["bundle"] == rig.bundles["leather"]]


def test_people_order_by_name_or_number_unless_the_plc_does(rig: Several) -> None:
    database, now = rig.hot.journal.database, rig.hot.clock.wall_ms()
    assert [chosen(RECIPES, wish) for wish in ("2", "leather")] == ["leather"] * 2
    with pytest.raises(ConfigError, match="known: 1 tiles, 2 leather, 3 wood"):
        chosen(RECIPES, "paper")
    with pytest.raises(Rejected, match="no model is installed"):
        order(database, rig.boot, rig.pointer, "wood", "Anna", 0, now)
    with pytest.raises(Rejected, match="the PLC chooses here"):
        order(database, rig.boot, rig.pointer, "leather", "Anna", 1, now)
    order(database, rig.boot, rig.pointer, "leather", "Anna", 0, now)
    rig.channel.deliver({"kind": "look"})
    rig.ready()
    assert rig.part().bundle == rig.bundles["leather"]
    found = board(database, RECIPES, rig.pointer)
    assert (found["in_force"], found["ordered"]) == ("leather", "leather")
    assert [row["bundle"] for row in found["recipes"]] == [rig.bundles["tiles"], rig.bundles["leather"], None]
    assert [entry["who"] for entry in found["history"]] == ["Anna", "the station"]


def test_each_recipe_has_its_own_degree_of_automation(tmp_path: Path) -> None:
    with Several(tmp_path, recipe__automation="assist") as rig:
        rig.ready()
        assert rig.hot.oversight.mode is Automation.FULL
        rig.hot.oversight._failed("for the test")
        assert rig.hot.oversight.mode is Automation.ASSIST
        rig.plc(2)
        rig.ready()
        rig.plc(1)
        rig.ready()
        change = last_change(rig.hot.journal.database)
        assert change is not None
        assert (rig.hot.oversight.mode, change.demoted) == (Automation.ASSIST, True), (
            "the demotion of tiles is of tiles"
        )
        rig.plc(2)
        rig.ready()
        change = last_change(rig.hot.journal.database)
        assert change is not None
        assert (change.after, change.demoted) == (Automation.ASSIST, False)


def test_challenge_parts_are_due_after_every_changeover_and_each_has_its_product(tmp_path: Path) -> None:
    parts = (
        ChallengePart(name="BAD-TILE", known=Verdict.REJECT, recipe="tiles"),
        ChallengePart(name="BAD-HIDE", known=Verdict.REJECT, recipe="leather"),
    )
    with Several(tmp_path, config(challenge=ChallengeConfig(parts=parts, at_start=False))) as rig:
        for number, name in ((1, "BAD-TILE"), (2, "BAD-HIDE"), (1, "BAD-TILE")):
            rig.plc(number)
            for _ in range(200):
                rig.hot.step(0.01)
                if rig.hot.challenges.why and not rig.hot.changeover.why:
                    break
            assert rig.hot.interlock.why.startswith(f"challenge part {name} has not been passed")
            rig.camera.frames.queue.clear()
            rig.camera.show(picture(SCRATCHED))
            rig.channel.deliver({"kind": "trigger", "serial": name, "recipe": number})
            rig.ready()


def test_a_station_of_one_product_knows_nothing_of_recipes(tmp_path: Path) -> None:
    with LineRig(tmp_path) as rig:
        rig.channel.deliver({"kind": "recipe_wanted", "number": 4})
        rig.step()
        assert "recipe" not in rig.hot.interlock.why
        rig.camera.show(picture())
        rig.channel.deliver({"kind": "trigger", "recipe": "4"})
        rig.step(until=1)
        assert rig.parts()[0].reason != "not-ready", "a PLC's recipe register means nothing here"
        assert rig.hot.changeover.report() == {}
        assert changeovers.last(rig.hot.journal.database) is None
