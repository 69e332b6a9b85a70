"""A former model is still compared with and begun from after the network's code has changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import Labels, Network, Recipe
from trainer.components.trainer import RECIPE, _weights
from trainer.vision.export import SAVED_MODEL, WEIGHTS, export
from trainer.vision.network import build
from trainer.vision.predict import predict, predict_saved


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    network = Network(height=32, width=32, backbone="tiny", embedding=4)
    return Recipe(name="any", labels=Labels(good="ok", defects=("pit",)), network=network)


@pytest.fixture(scope="module")
def former(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("former")
    export(build(recipe), recipe, folder)
    (folder / RECIPE).write_text(json.dumps(recipe.model_dump(mode="json")))
    return folder


def test_a_saved_model_answers_as_its_network_does(recipe: Recipe, former: Path) -> None:
    network = build(recipe)
    network.training.load_weights(former / WEIGHTS)
    images = np.random.default_rng(1).integers(0, 256, (5, 32, 32, 1), np.uint8)
    told: list[int] = []
    now = predict(network, images, told.append)
    saved = predict_saved(former / SAVED_MODEL, images, told.append)
    assert told == [5, 1, 1, 1, 1, 1]
    for name in ("logits", "heatmaps", "embeddings"):
        np.testing.assert_allclose(getattr(saved, name), getattr(now, name), atol=1e-4)


def test_pictures_of_another_size_are_refused_by_name(former: Path) -> None:
    with pytest.raises(Rejected, match="saved_model: cannot answer these pictures"):
        predict_saved(former / SAVED_MODEL, np.zeros((1, 40, 40, 1), np.uint8))


def test_weights_that_fit_are_begun_with(recipe: Recipe, former: Path) -> None:
    assert _weights(former, recipe) == (former / WEIGHTS, "")


def test_weights_of_a_network_that_is_built_otherwise_now_are_not_and_it_is_said(
    recipe: Recipe, former: Path, tmp_path: Path
) -> None:
    other = recipe.model_copy(update={"network": recipe.network.model_copy(update={"backbone": "small"})})
    export(build(other), other, tmp_path)
    (tmp_path / RECIPE).write_text((former / RECIPE).read_text())
    path, remark = _weights(tmp_path, recipe)
    assert path is None
    assert "another version of the trainer" in remark


def test_a_former_model_of_another_shape_is_not_begun_with(recipe: Recipe, former: Path) -> None:
    wider = recipe.model_copy(update={"network": recipe.network.model_copy(update={"embedding": 8})})
    assert _weights(former, wider) == (None, "trained from scratch: the former model has another shape")


def test_a_warm_start_without_a_former_model_is_said(recipe: Recipe) -> None:
    path, remark = _weights(None, recipe, wanted=True)
    assert path is None
    assert remark == "trained from scratch: no model was blessed before this data came"
    assert _weights(None, recipe) == (None, "")
