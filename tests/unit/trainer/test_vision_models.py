"""Backbones, the anomaly model, precision and balance: on small pictures, without long trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.recipe import Network, Recipe
from trainer.components.trainer import with_model_for
from trainer.evaluation.rates import auroc
from trainer.samples.generate import LABELS, sample_part
from trainer.vision.data import Pictures, join
from trainer.vision.schedule import order_of


def recipe_of(**network: Any) -> Recipe:
    settings = {"height": 64, "width": 64, "backbone": "tiny", "epochs": 6, "batch": 8, "embedding": 8}
    labels = {"good": LABELS[0], "defects": list(LABELS[1:])}
    return Recipe.model_validate({"name": "test", "labels": labels, "network": {**settings, **network}})


def pictures_of(recipe: Recipe, first: int = 0, parts: int = 40) -> Pictures:
    from edge_agent.contracts.preprocess import model_input

    rows = []
    for index in range(first, first + parts):
        part = sample_part(1, index, frames=1)
        known = part.masks[0] if part.label != "ok" else None
        rows.append((model_input(part.frames[0][:, :, None], recipe), part.label, f"p{index}", known))
    return join(rows, recipe)


def test_a_recipe_that_says_nothing_new_keeps_its_digest() -> None:
    old = set(Network().model_dump())
    assert not old & {"model", "weights", "precision", "balance"}
    assert b'"anomaly"' in canonical_json(recipe_of(model="anomaly").model_dump(mode="json"))
    again = Recipe.model_validate(recipe_of(model="anomaly", precision="mixed").model_dump(mode="json"))
    assert (again.network.model, again.network.precision, again.network.balance) == ("anomaly", "mixed", "both")


def test_an_unknown_backbone_is_named_with_those_that_there_are() -> None:
    from trainer.vision.network import build

    with pytest.raises(ConfigError, match=r"'huge', expected one of .*mobilenet-v2-0\.35.*small"):
        build(recipe_of(backbone="huge"))


@pytest.mark.parametrize("backbone", ["mobilenet-v2-0.35", "efficientnet-v2-b0"])
def test_a_backbone_of_keras_gives_the_same_three_answers(backbone: str) -> None:
    from trainer.vision.network import build

    answers = build(recipe_of(backbone=backbone)).serving(np.full((2, 64, 64, 1), 90, np.float32))
    assert {name: tuple(value.shape) for name, value in answers.items()} == {
        "logits": (2, 5),
        "heatmap": (2, 8, 8),
        "embedding": (2, 8),
    }
    assert np.isfinite(answers["logits"]).all()


def test_pretrained_weights_come_from_a_file_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    import keras

    from trainer.vision.backbones import BODY, load_pretrained
    from trainer.vision.network import build

    keras.utils.set_random_seed(5)
    whole = keras.applications.MobileNetV2(input_shape=(96, 96, 3), alpha=0.35, include_top=False, weights=None)
    whole.save_weights(tmp_path / "mine.weights.h5")
    network = build(recipe_of(backbone="mobilenet-v2-0.35")).training
    load_pretrained(network, "mobilenet-v2-0.35", str(tmp_path / "mine.weights.h5"))
    name = "block_6_expand"
    assert (network.get_layer(BODY).get_layer(name).get_weights()[0] == whole.get_layer(name).get_weights()[0]).all()
    (tmp_path / "other.h5").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=r"not the weights of mobilenet.*expected mobilenet_v2_weights.*no_top\.h5"):
        load_pretrained(network, "mobilenet-v2-0.35", str(tmp_path / "other.h5"))
    with pytest.raises(ConfigError, match=r"no such file; fetch https://.*0\.35_224_no_top\.h5"):
        load_pretrained(network, "mobilenet-v2-0.35", str(tmp_path / "absent.h5"))
    with pytest.raises(ConfigError, match="only efficientnet-lite0"):
        load_pretrained(network, "tiny", "imagenet")


def test_weights_that_cannot_be_fetched_say_which_file_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.vision.backbones import load_pretrained
    from trainer.vision.network import build

    network = build(recipe_of(backbone="mobilenet-v2-0.5")).training
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.applications.mobilenet_v2.BASE_WEIGHT_PATH", "http://127.0.0.1:9/")
    with pytest.raises(ConfigError, match=r"could not be fetched; fetch \S+ elsewhere and give the path of \S+no_top"):
        load_pretrained(network, "mobilenet-v2-0.5", "imagenet")


def test_mixed_precision_calculates_in_16_bits_and_answers_in_32() -> None:
    from trainer.vision.network import build

    network = build(recipe_of(), precision="mixed")
    assert network.training.get_layer("parts").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in network.training.weights} <= {"float32"}
    answers = network.serving(np.full((1, 64, 64, 1), 90, np.float32))
    assert {str(value.dtype.name) for value in answers.values()} == {"float32"}
    exported = build(recipe_of())
    exported.training.set_weights(network.training.get_weights())


@pytest.mark.parametrize(("fewest", "expected"), [(0.4, 0.4), (0.0, 0.1)])
def test_defective_pictures_are_drawn_more_often_only_where_that_is_asked(fewest: float, expected: float) -> None:
    labels = np.asarray([0] * 90 + [1] * 10)
    order = order_of(labels, 1000, 1, 0, fewest)
    assert (labels[order] > 0).mean() == pytest.approx(expected, abs=0.05)


def test_balance_decides_about_weights_and_sampling() -> None:
    from trainer.vision.lessons import LabelledLessons

    pictures = pictures_of(recipe_of(), parts=20)
    weighed = {b: LabelledLessons(pictures, recipe_of(balance=b), 1).weights.std() > 0 for b in ("both", "sampling")}
    assert weighed == {"both": True, "sampling": False}


def test_features_are_whitened_by_those_of_good_pictures() -> None:
    from trainer.vision.anomaly import whitening

    rng = np.random.default_rng(1)
    features = rng.normal(3, [1.0, 5.0, 0.2], (4000, 3)) @ np.asarray([[1, 0.5, 0], [0, 1, 0], [0.3, 0, 1.0]])
    kernel, bias = whitening(features)
    both = features @ kernel + bias
    assert both.mean(axis=0) == pytest.approx(np.zeros(6), abs=1e-3)
    assert np.cov(both[:, :3].T) == pytest.approx(np.eye(3), abs=0.25), "a little less where nearly nothing varies"
    assert both[:, 3:] == pytest.approx(-both[:, :3], abs=1e-4)


def test_a_logit_follows_from_what_tells_good_from_defective_and_from_nothing_else() -> None:
    from trainer.vision.anomaly import logistic

    rng = np.random.default_rng(2)
    truth = np.arange(300) >= 200
    known = rng.normal(0, 1, (300, 2)) + np.outer(truth, [2.0, -1.0])
    weights, offset = logistic(known, truth)
    assert weights[0] > 1
    assert weights[1] == 0, "what speaks against a defect where there is one is left out"
    chance = 1 / (1 + np.exp(-(known @ weights + offset)))
    assert chance[truth].mean() > 0.7 > 0.3 > chance[~truth].mean()


def test_without_a_defective_picture_the_anomaly_model_is_trained() -> None:
    pictures = pictures_of(recipe_of(), parts=12)
    good = pictures.subset(pictures.labels == 0)
    assert with_model_for(pictures, recipe_of()) == (recipe_of(), [])
    chosen, said = with_model_for(good, recipe_of())
    assert chosen.network.model == "anomaly"
    assert said == [f"none of {len(good)} training pictures is defective: the anomaly model is trained"]


@pytest.mark.slow
def test_the_anomaly_model_learns_from_good_parts_alone(tmp_path: Path) -> None:
    import tensorflow as tf

    from edge_agent.contracts.scores import defect_probability, probabilities
    from trainer.vision.export import export
    from trainer.vision.predict import predict
    from trainer.vision.training import train

    recipe = recipe_of(model="anomaly", epochs=12, learning_rate=0.006)
    pictures, held_out = pictures_of(recipe, 0, 80), pictures_of(recipe, 80, 40)
    good = pictures.subset(pictures.labels == 0)
    result = train(good, held_out, recipe, 1, tmp_path / "a")
    assert "held-out good pictures against" in result.remarks[-1]
    assert result.remarks[-1].endswith("drawn defects")
    found = predict(result.network, held_out.images)
    scores = defect_probability(probabilities(found.logits, 1.0))
    assert auroc(scores, held_out.labels > 0) > 0.65
    assert scores[held_out.labels == 0].mean() < 0.5
    saved = tf.saved_model.load(str(export(result.network, recipe, tmp_path / "model"))).signatures["serving_default"]
    single = saved(image=tf.constant(held_out.images[:1].astype(np.float32)))
    assert single["logits"].numpy() == pytest.approx(found.logits[:1], abs=1e-3)
    with pytest.raises(Rejected, match="good training parts"):
        train(good.of_parts(good.parts[:1]), None, recipe, 1, tmp_path / "few")


@pytest.mark.fault("T19")
def test_a_training_that_runs_out_of_memory_begins_again_with_half_the_batch_once() -> None:
    import tensorflow as tf

    from trainer.memory import with_memory

    with pytest.raises(tf.errors.ResourceExhaustedError) as exhausted:
        tf.zeros((2**21, 2**21))  # TensorFlow tries this for ten seconds, so what it raises serves for all below

    def trained(most: int) -> Any:
        def once(batch: int) -> int:
            if batch > most:
                raise exhausted.value
            return batch

        return once

    assert with_memory(trained(8), 8, True, "pictures") == (8, ())
    assert with_memory(trained(4), 8, True, "pictures") == (4, ("out of memory with batches of 8, trained with 4",))
    with pytest.raises(ConfigError, match=r"out of memory with batches of 4 pictures; lower network\.batch"):
        with_memory(trained(2), 8, True, "pictures")
    with pytest.raises(ConfigError, match="out of memory with batches of 8 pictures"):
        with_memory(trained(4), 8, False, "pictures")


def test_a_curve_is_written_for_tensorboard(tmp_path: Path) -> None:
    from tensorflow.python.summary.summary_iterator import summary_iterator

    from trainer.eventlog import EventLog

    log = EventLog(tmp_path / "run")
    log.add(1, {"loss": 0.5, "auroc": float("nan")})
    log.add(2, {"loss": 0.25, "auroc": 0.75})
    file = next((tmp_path / "run").iterdir())
    tags = [(event.step, value.tag) for event in summary_iterator(str(file)) for value in event.summary.value]
    assert tags == [(1, "loss"), (2, "loss"), (2, "auroc")]
