"""The step that learns from drawn surfaces: only where the recipe wants it, and again only for its own sake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.pipeline.graph import Graph
from trainer.pipeline.runner import Driver
from trainer.pipeline.settings import load
from trainer.tasks.order import Order
from trainer.tasks.vision import VisionTask


def graph(root: Path, *settings: str) -> Graph:
    recipe, chosen = load("machined-surface", settings)
    driver = Driver(root)
    try:
        return VisionTask(Order(recipe, chosen, root, [root]), driver).graph()
    finally:
        driver.close()


def taught(root: Path, *settings: str) -> Any:
    return graph(root, "network.pretraining=500", *settings).step("Pretrainer").parameters


def test_a_recipe_without_pretraining_has_no_such_step(tmp_path: Path) -> None:
    made = graph(tmp_path)
    assert "Pretrainer" not in [step.name for step in made.steps]
    assert "pretrained" not in made.step("Trainer").inputs


def test_the_training_begins_with_what_the_step_made(tmp_path: Path) -> None:
    made = graph(tmp_path, "network.pretraining=500")
    assert made.step("Trainer").inputs["pretrained"] == "Pretrainer.pretrained"
    assert made.step("Pretrainer").inputs == {}


@pytest.mark.parametrize(
    "setting", ["epochs=3", "thresholds.escape_rate=0.1", "camera.exposure_us=900", "views.count=2"]
)
def test_what_it_learned_stays_when_the_training_on_real_pictures_changes(tmp_path: Path, setting: str) -> None:
    assert taught(tmp_path, setting) == taught(tmp_path)


@pytest.mark.parametrize("setting", ["seed=3", "network.width=160", "camera.colour=rgb", "network.pretraining=600"])
def test_another_network_learns_again(tmp_path: Path, setting: str) -> None:
    assert taught(tmp_path, setting) != taught(tmp_path)
