"""Learning from drawn surfaces first: what they are, that it helps, and that a kill does not begin it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.recipe import Recipe
from trainer.vision.data import Pictures
from trainer.vision.flaws import flaw
from trainer.vision.invent import UNKNOWN_DEFECT
from trainer.vision.lessons import DrawnLessons
from trainer.vision.surfaces import surface


def recipe_of(pretraining: int, colour: str = "grey", epochs: int = 2) -> Recipe:
    network = {"height": 48, "width": 40, "backbone": "tiny", "epochs": epochs, "batch": 8, "embedding": 8}
    return Recipe.model_validate(
        {
            "name": "test",
            "labels": {"good": "ok", "defects": ["pit", "crack"]},
            "camera": {"colour": colour},
            "network": {**network, "pretraining": pretraining},
        }
    )


def few(recipe: Recipe) -> Pictures:
    """Some pictures of another series, as if they were the recipe's own."""
    made = DrawnLessons(recipe, 20, seed=77).epoch(0, 1, 20)(0)
    return Pictures(
        made["images"],
        np.where(made["labels"] == 0, 0, 1),
        tuple(f"p{number}" for number in range(20)),
        made["masks"],
        np.ones(20, bool),
    )


def test_drawn_surfaces_are_repeatable_and_have_no_kind() -> None:
    lessons, other = (DrawnLessons(recipe_of(60), 60, seed=seed) for seed in (1, 2))
    batch, same = (lessons.epoch(3, 2, 40)(1) for _ in range(2))
    assert (batch["images"] == same["images"]).all()
    assert batch["images"].shape == (40, 48, 40, 1)
    assert set(batch["labels"].tolist()) == {0, UNKNOWN_DEFECT}
    assert 0.25 < (batch["labels"] != 0).mean() < 0.75
    assert (batch["masks"].any(axis=(1, 2)) == (batch["labels"] != 0)).all()
    for different in (lessons.epoch(3, 2, 40)(0), lessons.epoch(4, 2, 40)(1), other.epoch(3, 2, 40)(1)):
        assert (different["images"] != batch["images"]).any()


def test_a_colour_recipe_gets_colour_pictures() -> None:
    assert DrawnLessons(recipe_of(10, "rgb"), 4, seed=1).epoch(0, 1, 4)(0)["images"].shape == (4, 48, 40, 3)


def test_a_drawn_defect_is_seen_where_its_mask_is_and_nowhere_else() -> None:
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(40):
        good = surface(rng, (96, 96))
        bad = flaw(rng, good)
        change = np.abs(bad.seen() - good.seen())
        seen += bool(bad.mask().any()) and float(change[bad.mask() > 0].mean()) > 0.08
        assert change[bad.covered == 0].max(initial=0) < 1.0
        assert np.median(change[bad.covered == 0]) == 0
    assert seen > 30


@pytest.mark.slow
def test_pretraining_helps_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    from trainer.vision.training import Epoch, pretrain, train

    recipe = recipe_of(600)
    pictures = few(recipe)
    seen: list[Epoch] = []

    class Killed(Exception):
        pass

    def kill(epoch: Epoch) -> None:
        seen.append(epoch)
        if len(seen) == 4:
            raise Killed

    with pytest.raises(Killed):
        pretrain(recipe, 1, tmp_path / "killed", kill)
    weights, whole = tmp_path / "a.weights.h5", tmp_path / "b.weights.h5"
    pretrain(recipe, 1, tmp_path / "killed", seen.append).training.save_weights(weights)
    assert [epoch.number for epoch in seen] == list(range(1, 11))
    assert seen[-1].share == 1.0
    pretrain(recipe, 1, tmp_path / "whole").training.save_weights(whole)
    same = [train(pictures, None, recipe, 1, tmp_path / path.stem, pretrained=path) for path in (weights, whole)]
    assert same[0].epochs[0].loss == pytest.approx(same[1].epochs[0].loss, rel=1e-3)

    without = train(pictures, None, recipe, 1, tmp_path / "without")
    assert same[0].epochs[0].place_loss < 0.7 * without.epochs[0].place_loss
