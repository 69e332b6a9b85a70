"""The user's own code for pictures: what it makes is one network with ours; what cannot be used is one line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected
from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.answers import Answers
from trainer.evaluation.own import own_figures
from trainer.pipeline.driver import Driver
from trainer.pipeline.settings import Settings
from trainer.reports.compare import own_figures as beside
from trainer.tasks.order import Order
from trainer.tasks.vision import VisionTask
from trainer.tuning.search import chosen_values

TWO_LEVELS = """
from keras import layers

def build_model(pictures, hparams):
    x = layers.Conv2D(hparams.get("channels", 4), 3, strides=4, padding="same", activation="relu")(pictures)
    fine = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    return fine, layers.Conv2D(6, 3, strides=2, padding="same")(layers.Dropout(0.5)(fine))
"""
WHOLE = """
from keras import layers

def build_model(pictures, hparams):
    x = layers.Conv2D(4, 3, strides=8, padding="same")(pictures)
    whole = layers.GlobalMaxPooling2D()(x)
    return {
        "logits": layers.Dense(hparams["classes"])(whole),
        "heat": layers.Conv2D(1, 1)(x),
        "embedding": layers.Dense(hparams["embedding"])(whole),
    }
"""


def recipe_of(**network: Any) -> Recipe:
    settings = {"height": 40, "width": 56, "backbone": "own", "embedding": 8, **network}
    labels = {"good": "ok", "defects": ["pit", "crack"]}
    return Recipe.model_validate({"name": "test", "labels": labels, "network": settings})


def built(folder: Path, text: str, **network: Any) -> Any:
    """Build the network of a file with this text."""
    from trainer.vision.network import build
    from trainer.vision.own import OwnPictures

    path = folder / "own.py"
    path.write_text(text)
    return build(recipe_of(**network), own=OwnPictures.of(str(path), {"channels": 5}))


@pytest.mark.parametrize(
    ("text", "network"),
    [
        (TWO_LEVELS, {}),
        (TWO_LEVELS, {"model": "anomaly", "precision": "mixed"}),
        (WHOLE, {}),
        (WHOLE + "\ndef preprocessing_fn(pictures):\n    import tensorflow as tf\n    return tf.abs(pictures)\n", {}),
    ],
)
def test_own_networks_give_the_answers_of_the_contract(tmp_path: Path, text: str, network: dict[str, Any]) -> None:
    answers = built(tmp_path, text, **network).serving(np.full((2, 40, 56, 1), 90, np.float32))
    shapes = {name: tuple(value.shape) for name, value in answers.items()}
    assert shapes == {"logits": (2, 3), "heatmap": (2, 5, 7), "embedding": (2, 8)}
    assert all(np.isfinite(value).all() for value in answers.values())


def test_what_is_left_out_in_an_epoch_is_the_same_again_in_own_layers_too(tmp_path: Path) -> None:
    from trainer.vision.stepping import layers_of, reseed

    model = built(tmp_path, TWO_LEVELS).training
    assert "dropout" in {type(layer).__name__.lower() for layer in layers_of(model)}
    picture = np.random.default_rng(1).uniform(0, 255, (1, 40, 56, 1)).astype(np.float32)
    seen = []
    for epoch in (3, 3, 4):
        reseed(model, 1, epoch)
        seen.append(np.asarray(model(picture, training=True)["logits"]))
    assert (seen[0] == seen[1]).all()
    assert (seen[0] != seen[2]).any()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "build_model(p, h):\n    return None",
            r"returns NoneType, expected two tensors \(features at strides 8 and 16",
        ),
        ("build_model(p, h):\n    return p, p", r"fine is \(n, 40, 56, 1\), expected \(n, 5, 7, any\): stride 8 of 40"),
        ("build_model(p, h):\n    return {'logits': p}", "the outputs are logits, expected logits, heat, embedding"),
        (
            "build_model(p, h):\n    import keras\n    a = keras.Input((8, 8, 3))\n    return keras.Model(a, [a, a])",
            r"the model takes \(n, 8, 8, 3\), and is given pictures \(n, 40, 56, 1\)$",
        ),
        (
            "build_model(p, h):\n    from keras.layers import Conv2D\n"
            "    return [Conv2D(2, 3, s, 'same', name='a')(p) for s in (8, 16)]",
            'is no network of its pictures: The name "a" is used 2 times',
        ),
        ("build_model(p, h):\n    return 1, 2", "fine is int, expected a tensor made of the pictures"),
        ("build_model(p):\n    return p, p", r"build_model\(p\): too many positional arguments; it is given 2"),
        ("build_model(p, h):\n    return h['lables']", r"own\.py:2: build_model: KeyError: 'lables'"),
        (
            "build_model(p, h):\n    import tensorflow as tf\n    return tf.abs(p)",
            r"own\.py:3: build_model: ValueError: A KerasTensor cannot be used as input to a TensorFlow function",
        ),
        ("preprocessing_fn(p):\n    return p[:, ::2]", r"pictures \(n, 40, 56, 1\) become \(n, 20, 56, 1\), expected"),
        ("preprocessing_fn(p):\n    return None", r"preprocessing_fn returns NoneType, expected a tensor"),
        (
            "preprocessing_fn(p):\n    import tensorflow as tf\n    return tf.abs(p) + 'a'",
            r"own\.py:3: preprocessing_fn: (TypeError|ValueError|InvalidArgumentError)",
        ),
        ("metrics():\n    return []", "pipeline.module must have a function build_model"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(LinesideError, match=words) as told:
        built(tmp_path, f"def {body}\n")
    assert "\n" not in str(told.value)


def test_probabilities_in_the_place_of_logits_are_refused(tmp_path: Path) -> None:
    from trainer.vision.convertible import check_convertible
    from trainer.vision.own import OwnPictures

    dense = 'layers.Dense(hparams["classes"]'
    assert dense in WHOLE
    (tmp_path / "own.py").write_text(WHOLE.replace(dense, f'{dense}, activation="softmax"'))
    with pytest.raises(Rejected, match="the logits sum to one, as probabilities do; leave the softmax out"):
        check_convertible(OwnPictures.of(str(tmp_path / "own.py"), {}), recipe_of(), tmp_path)


def test_a_whole_network_cannot_become_the_anomaly_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the anomaly model is fitted to features: let build_model return these"):
        built(tmp_path, WHOLE, model="anomaly")


def test_another_backbone_leaves_build_model_out_and_says_so(tmp_path: Path) -> None:
    from trainer.vision.own import OwnPictures

    (tmp_path / "own.py").write_text(TWO_LEVELS)
    own = OwnPictures.of(str(tmp_path / "own.py"), {})
    assert own.unused(recipe_of(backbone="tiny")) == ["build_model is not used: network.backbone is 'tiny', not 'own'"]
    assert own.unused(recipe_of()) == []
    assert own.changes(recipe_of())
    assert not own.changes(recipe_of(backbone="tiny"))


def test_an_own_backbone_needs_a_file() -> None:
    order = Order(recipe_of(), Settings(), Path("root"), [])
    with pytest.raises(ConfigError, match=r"network\.backbone is 'own', and no pipeline\.module is named"):
        VisionTask(order, SimpleNamespace())  # type: ignore[arg-type]


def test_the_tuner_hands_its_choice_to_build_model_and_knows_the_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TWO_LEVELS)
    tuner = {"trials": 2, "search": {"hparams.channels": [4, 8]}}
    settings = Settings.model_validate({"module": str(tmp_path / "own.py"), "tuner": tuner})
    driver = Driver(tmp_path / "root")
    try:
        graph = VisionTask(Order(recipe_of(), settings, tmp_path / "root", []), driver).graph()
    finally:
        driver.close()
    step = graph.step("Tuner")
    assert {name: graph.step(name).uses for name in ("Tuner", "Trainer", "Evaluator")} == dict.fromkeys(
        ("Tuner", "Trainer", "Evaluator"), (tmp_path / "own.py",)
    )
    assert step.locations["places"]["module"] == str(tmp_path / "own.py")
    given = chosen_values(step.parameters["values"], {"hparams.channels": 8})
    assert given["settings"] == {"strategy": "none", "hparams": {"channels": 8}}
    assert str(tmp_path) not in str(step.parameters), "where the file lies is no part of the key"


TEST = Answers(("a", "b"), np.asarray([0, 1]), np.asarray([[0.9, 0.1], [0.4, 0.6]]), ("1.png", "2.png"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("metrics(answers):\n    return {'sure': answers['probabilities'][0, 0], 'n': len(answers['heat'])}", (0.9, 3)),
        ("metrics():\n    return {'sure': 1}", (1,)),
    ],
)
def test_own_figures_are_numbers_by_name(tmp_path: Path, body: str, expected: tuple[float, ...]) -> None:
    (tmp_path / "own.py").write_text(f"def {body}\n")
    found = own_figures(str(tmp_path / "own.py"), TEST, {"heat": [1, 2, 3]})
    assert tuple(found.values()) == pytest.approx(expected)
    assert own_figures("", TEST, {}) == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("metrics():\n    return 3", "metrics returns int, expected a list of keras.metrics.Metric, or a dict"),
        ("metrics():\n    return [3]", "found int, expected a list"),
        (
            "metrics():\n    from keras.metrics import Accuracy\n    return [Accuracy(name='a') for _ in 'ab']",
            "2 are called 'a'; give each a name of its own",
        ),
        ("metrics():\n    return {'a': 'b'}", "'a' is str, expected a number"),
        ("metrics():\n    return {'a': float('nan')}", "'a' is nan, expected a finite number"),
        ("metrics(answers):\n    return {'a': answers['lables']}", r"own\.py:2: metrics: KeyError: 'lables'"),
    ],
)
def test_a_bad_figure_is_one_line(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "own.py").write_text(f"def {body}\n")
    with pytest.raises(Rejected, match=words):
        own_figures(str(tmp_path / "own.py"), TEST, {})


def test_own_figures_of_several_runs_stand_beside_each_other() -> None:
    assert beside([{"a": 1.0}, {"b": 2.0, "a": 3.0}]) == {"a": [1.0, 3.0], "b": [None, 2.0]}
