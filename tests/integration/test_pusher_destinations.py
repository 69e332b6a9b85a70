"""What the Pusher writes for servers and browsers, loaded as they load it."""

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.recipe import load_recipe
from edge_agent.contracts.scores import probabilities
from trainer.delivery.destinations import Goods, push
from trainer.pipeline.recipes import RECIPES

pytestmark = pytest.mark.slow
BUNDLES = Path(__file__).resolve().parents[1] / "fixtures" / "bundles"
PICTURES = np.random.default_rng(3).integers(0, 255, (5, 48, 48, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    """A network with fresh weights, exported as the Trainer does, and a bundle of the same name."""
    from trainer.vision.export import export
    from trainer.vision.network import build

    recipe = load_recipe(RECIPES / "machined-surface.yaml")
    size = {"height": 48, "width": 48, "backbone": "tiny"}
    recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update=size)})
    model = tmp_path_factory.mktemp("model")
    export(build(recipe), recipe, model)
    folder = BundleFolder(BUNDLES / "tiny-v1")
    return Goods(folder, folder.open(), folder.id, model)


@pytest.fixture(scope="module")
def expected(goods):
    """What the measured graph, picture by picture, answers."""
    import tensorflow as tf

    single = tf.saved_model.load(str(goods.model / "saved_model")).signatures["serving_default"]
    answers = [single(image=tf.constant(picture[None])) for picture in PICTURES]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def test_tensorflow_serving_gets_a_signature_for_any_number_of_pictures(goods, expected, tmp_path):
    import tensorflow as tf

    assert push("tf-serving", goods, tmp_path) == "placed"
    served = tf.saved_model.load(str(tmp_path / "tf-serving" / "tiny" / "1"))
    answers = served.signatures["serving_default"](image=tf.constant(PICTURES))
    for name, value in expected.items():
        np.testing.assert_allclose(answers[name], value, atol=1e-5)
    temperature = {variant.id: variant for variant in goods.manifest.variants}["float32"].temperature
    calibrated = probabilities(expected["logits"], temperature)
    np.testing.assert_allclose(answers["probabilities"], calibrated, atol=1e-5)
    labels = tmp_path / "tf-serving" / "tiny" / "1" / "assets.extra" / "labels.txt"
    assert tuple(labels.read_text().split()) == goods.manifest.output.labels


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")
def test_hub_loads_the_latest_saved_model(goods, expected, tmp_path):
    push("saved-model", goods, tmp_path)
    import tensorflow_hub as hub

    loaded = hub.load(str(tmp_path / "saved-model" / "tiny" / "latest"))
    np.testing.assert_allclose(loaded(PICTURES)["heatmap"], expected["heatmap"], atol=1e-5)


def test_tfjs_gets_a_graph_model_by_the_converter(goods, tmp_path):
    push("tfjs", goods, tmp_path)
    model = json.loads((tmp_path / "tfjs" / "tiny" / "latest" / "model.json").read_text())
    assert model["format"] == "graph-model"
    assert set(model["signature"]["inputs"]) == {"image"}
    assert set(model["signature"]["outputs"]) == {"logits", "heatmap", "embedding"}
    for group in model["weightsManifest"]:
        assert all((tmp_path / "tfjs" / "tiny" / "latest" / path).is_file() for path in group["paths"])
