"""The network: the user's `build_model`, or two dense layers on numbers as they are and categories one-hot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.own_code import check_logits
from trainer.tabular.features import Feature

_WIDTHS = (64, 32)
LOGITS, EMBEDDING = "logits", "embedding"
Build = Callable[[dict[str, Feature], dict[str, Any]], Any]


def build(features: Mapping[str, Feature], hparams: Mapping[str, Any], own: Build | None, seed: int) -> keras.Model:
    """Return the network, the same weights for the same seed.

    `hparams` holds `labels`, `classes` and how it will be trained. Raises Rejected for what the user's function returns
    when it is no model for these inputs and classes.
    """
    keras.utils.set_random_seed(seed)
    made = (own or default_model)(dict(features), dict(hparams))
    if not isinstance(made, keras.Model):
        raise Rejected(f"build_model returns {type(made).__name__}, expected a keras.Model")
    _check(made, features, int(hparams["classes"]))
    if own:
        nothing = {name: np.zeros((2, *one.shape), one.dtype) for name, one in features.items()}
        check_logits(answers_of(made, nothing, False)[LOGITS])
    return made


def answers_of(model: keras.Model, inputs: Mapping[str, Any], training: bool) -> dict[str, Any]:
    """Return the model's outputs by name; one unnamed output is `logits`."""
    answer = model(_taken(model, inputs), training=training)
    return dict(answer) if isinstance(answer, dict) else {LOGITS: answer}


def _taken(model: keras.Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that the model names: where it leaves one out, Keras would pass the others by their places."""
    named = getattr(model, "_inputs_struct", None)
    return {name: inputs[name] for name in named} if isinstance(named, dict) else dict(inputs)


def _check(model: keras.Model, features: Mapping[str, Feature], classes: int) -> None:
    try:
        found = model(_taken(model, _empty(features)), training=False)
    except (ValueError, TypeError, KeyError) as error:
        words = " ".join(str(error).split())[:300]
        raise Rejected(f"build_model: the model cannot take {', '.join(features)} by name: {words}") from error
    outputs = found if isinstance(found, dict) else {LOGITS: found}
    shape = tuple(outputs[LOGITS].shape) if LOGITS in outputs and hasattr(outputs[LOGITS], "shape") else None
    if shape != (None, classes):
        got = f"logits of shape {shape}" if shape else _got(found)
        raise Rejected(f"build_model: the model gives {got}, expected 'logits' of shape (None, {classes})")


def _empty(features: Mapping[str, Feature]) -> dict[str, Any]:
    return {name: keras.KerasTensor((None, *one.shape), dtype=one.dtype) for name, one in features.items()}


def _got(found: Any) -> str:
    if isinstance(found, dict):
        return f"outputs {', '.join(sorted(map(str, found)))}"
    return f"{len(found)} outputs without names" if isinstance(found, list | tuple) else type(found).__name__


def default_model(features: dict[str, Feature], hparams: dict[str, Any]) -> keras.Model:
    """Return the network for tables whose user has none."""
    inputs, wide = {}, []
    for name, feature in features.items():
        inputs[name] = keras.Input(feature.shape, name=name, dtype=feature.dtype)
        if feature.categories is not None and not feature.shape:
            wide.append(keras.ops.one_hot(inputs[name], feature.categories))
        else:
            number = keras.ops.cast(inputs[name], "float32")
            wide.append(keras.layers.Flatten()(number) if feature.shape else keras.ops.expand_dims(number, -1))
    hidden = keras.layers.Concatenate()(wide) if len(wide) > 1 else wide[0]
    for width in _WIDTHS:
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    logits = keras.layers.Dense(hparams["classes"], name=LOGITS)(hidden)
    return keras.Model(inputs, {LOGITS: logits, EMBEDDING: hidden})
