"""A first recipe from a look at the data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.recipe import Colour, load_recipe
from trainer.pipeline.recipes import load
from trainer.proposal.recipe_text import evidence_of, input_size, propose
from trainer.proposal.survey import Survey, good_label, survey
from trainer.samples.generate import generate_samples


def found(**changed: object) -> Survey:
    values = {"parts": {"ok": 90, "pit": 20, "stain": 10}, "pictures": 360, "views": 3, "size": (480, 640)}
    values |= {"colour": Colour.GREY, "masks": 30, "largest": (480, 640)}
    return Survey(**{**values, **changed})  # type: ignore[arg-type]


def test_the_proposal_is_a_recipe_that_the_trainer_takes(tmp_path: Path) -> None:
    path = tmp_path / "bracket.yaml"
    path.write_text(propose(found(), "bracket"))
    recipe, _ = load(str(path), ())
    assert recipe.labels.names == ("ok", "pit", "stain")
    assert (recipe.network.height, recipe.network.width) == (192, 256)
    assert recipe.views.count == 3


def test_tiles_are_a_remark_where_pictures_are_large_and_masks_are_there(tmp_path: Path) -> None:
    path = tmp_path / "bracket.yaml"
    text = propose(found(largest=(403, 632)), "bracket")
    remark = next(line for line in text.splitlines() if "fit: pad" in line)
    assert "fit: pad, height: 408, width: 632, tile: 256" in remark
    settings = dict(one.strip(" #").split(": ") for one in remark.split(",")[:4])
    path.write_text(text)
    recipe, _ = load(str(path), [f"network.{key}={value}" for key, value in settings.items()])
    assert recipe.network.tile == 256
    assert "fit: pad" in propose(found(largest=(4000, 5000)), "bracket").replace("1024", "")
    assert "fit: pad" not in propose(found(masks=0), "bracket")
    assert "fit: pad" not in propose(found(largest=(200, 256)), "bracket")


def test_few_defective_parts_hold_more_out_and_promise_less() -> None:
    few = yaml.safe_load(propose(found(), "a"))
    many = yaml.safe_load(propose(found(parts={"ok": 3000, "pit": 1000}), "a"))
    assert few["split"]["eval"] > many["split"]["eval"]
    assert few["thresholds"]["escape_rate"] > many["thresholds"]["escape_rate"]


@pytest.mark.parametrize(("held_out", "rate"), [(0, 0.3), (14, 0.2), (45, 0.05), (230, 0.01)])
def test_the_escape_rate_is_one_that_the_held_out_parts_can_prove(held_out: int, rate: float) -> None:
    evidence = evidence_of(held_out)
    assert evidence.provable == rate
    assert evidence.needed > held_out or evidence.next_rate == rate


@pytest.mark.parametrize(
    ("size", "seen"), [((480, 640), (192, 256)), ((96, 96), (96, 96)), ((20, 20), (64, 64)), ((1000, 10), (256, 64))]
)
def test_the_models_picture_keeps_the_shape(size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert input_size(*size) == seen


def test_the_good_label_is_known_by_its_name_or_asked_for() -> None:
    assert good_label(["pit", "OK", "pit"], "") == "OK"
    assert good_label(["a", "b"], "b") == "b"
    with pytest.raises(Rejected, match="found a, b; name it with --good"):
        good_label(["a", "b"], "")
    with pytest.raises(Rejected, match="no picture is labelled 'c'; found a, b"):
        good_label(["a", "b"], "c")


def test_a_label_that_cannot_stand_in_a_recipe_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'labels.defects.0' is 'Kratzer tief': expected small letters"):
        propose(found(parts={"ok": 5, "Kratzer tief": 5}), "a")


@pytest.mark.parametrize("label", ["0", "007", "1e3", "1.0", "no", "y", "null", "2026-01-01", "0x1f", "1_0"])
def test_a_label_that_yaml_takes_for_something_else_stays_a_text(label: str) -> None:
    made = yaml.safe_load(propose(found(parts={"ok": 5, label: 5}), label))
    assert (made["name"], made["labels"]["defects"]) == (label, [label])


@pytest.mark.parametrize("label", ["scratch, deep", "a: b", "#1", "[x", "*x", "'n", 'a"b', "a\nb", "ß"])
def test_a_label_never_becomes_two_or_another_one(label: str) -> None:
    with pytest.raises(ConfigError, match=r"'labels.defects.0' is .*: expected small letters"):
        propose(found(parts={"ok": 5, label: 5}), "a")


def test_what_no_part_can_prove_is_not_said_to_be_proven() -> None:
    few = propose(found(parts={"ok": 30, "pit": 8}), "a")
    assert "2 defective parts choose them:\n# too few to prove any escape rate worth naming; 0.3 would take 7" in few
    many = propose(found(parts={"ok": 99000, "pit": 99000}), "a")
    assert "enough for an escape rate of 0.001 if none escapes.\n" in many


def test_sample_parts_are_surveyed(tmp_path: Path) -> None:
    generate_samples(tmp_path, 12, 1)
    seen = survey([tmp_path], "")
    assert sum(seen.parts.values()) == 12
    assert next(iter(seen.parts)) == "ok"
    assert seen.colour is Colour.GREY
    assert seen.masks
    path = tmp_path / "r.yaml"
    path.write_text(propose(seen, "sample"))
    assert load_recipe(path).camera.colour is Colour.GREY


def test_a_folder_of_no_pictures_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,part,label\na.png,1,ok\n")
    with pytest.raises(Rejected, match=r"none of 1 pictures looked at can be read; the first: a.png"):
        survey([tmp_path], "")
