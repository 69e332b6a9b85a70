"""Learning from generated surfaces first: what they are, that it helps, and that a kill does not begin it again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.recipe import Recipe
from trainer.vision.data import Pictures
from trainer.vision.generated import generated_pictures
from trainer.vision.invent import UNKNOWN_DEFECT


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
    made = generated_pictures(recipe.model_copy(update={"network": recipe_of(20).network}), seed=77)
    return Pictures(made.images, np.where(made.labels == 0, 0, 1), made.parts, made.masks, made.masked)


def test_generated_pictures_are_repeatable_and_have_no_kind() -> None:
    pictures, same = (generated_pictures(recipe_of(60), seed=1) for _ in range(2))
    assert (pictures.images == same.images).all()
    assert pictures.images.shape == (60, 48, 40, 1)
    assert set(pictures.labels.tolist()) == {0, UNKNOWN_DEFECT}
    assert 0.1 < (pictures.labels != 0).mean() <= 0.3
    assert ((pictures.masks.sum(axis=(1, 2)) > 0) == (pictures.labels != 0)).all()
    assert (generated_pictures(recipe_of(60), seed=2).images != pictures.images).any()


def test_a_colour_recipe_gets_colour_pictures() -> None:
    assert generated_pictures(recipe_of(10, "rgb"), seed=1).images.shape == (10, 48, 40, 3)


@pytest.mark.slow
def test_pretraining_comes_first_helps_and_is_not_begun_again_after_a_kill(tmp_path: Path) -> None:
    from trainer.vision.training import Progress, train

    recipe = recipe_of(120)
    pictures = few(recipe)
    seen: list[Progress] = []

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 4:
            raise Killed

    with pytest.raises(Killed):
        train(pictures, None, recipe, 1, tmp_path / "with", kill)
    assert all(progress.pretraining for progress in seen)

    after: list[Progress] = []
    with_it = train(pictures, None, recipe, 1, tmp_path / "with", after.append)
    stages = [(progress.pretraining, progress.epoch.number) for progress in after]
    assert stages == [(True, number) for number in range(5, 11)] + [(False, 1), (False, 2)]
    shares = [progress.share for progress in seen + after]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

    without = train(pictures, None, recipe_of(0), 1, tmp_path / "without")
    assert with_it.epochs[0].place_loss < 0.7 * without.epochs[0].place_loss
