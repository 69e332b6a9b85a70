"""The one network: class scores, defect heatmap and embedding from one picture.

Everything that says "defective" comes from the same maps of defects, one map a kind: the class scores are pooled from
them and the heatmap is their maximum, so the heatmap shows what the verdict was made of. All operations
have an int8 kernel in the runtimes of the devices: convolutions with folded batch normalisation and ReLU6, additions,
nearest-neighbour enlargement, means, maxima, and one sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Colour, Recipe
from trainer.own_code import OWN_CODE
from trainer.vision.backbones import application_features, convolution, enlarged, own_features
from trainer.vision.contrast import fixed, relative
from trainer.vision.known_backbones import PRETRAINED, check
from trainer.vision.own import EMBEDDING, HEAT, LOGITS, OwnPictures
from trainer.vision.tiled import tiled
from trainer.vision.tiles import of_a_tile, places

STRIDE = 8
"""The heatmap has one cell for each STRIDE x STRIDE pixels of the input (rounded up)."""

PARTS, WHITENED, DISTANCE, KNOWN, VERDICT = "parts", "whitened", "distance_around", "known", "verdict"
"""Layers of the anomaly model: what it looks at, and what is fitted."""

_DEFECTS_ARE_RARE = -3.0


@dataclass(frozen=True)
class Network:
    """Two views of the same weights.

    `training` takes pictures (batch, H, W, C), or tiles of them, and gives a dictionary of `logits` (batch, classes),
    `heat` (batch, h, w, 1; logits), `hint` (batch, classes; logits made from the embedding alone, only to teach it) and
    `verdict` (batch, h, w, 1; logits of the anomaly model, which is fitted after the training).
    `serving` gives `logits`, `heatmap` (batch, h, w; 0..1) and `embedding` (batch, recipe.network.embedding).
    Pictures are float32 0..255; the scaling is part of the network. `own` is the user's code that it was built with.
    """

    training: keras.Model
    serving: keras.Model
    own: OwnPictures | None = None


@dataclass(frozen=True)
class _Answers:
    """What the training sees: tensors as `Network` says, float32."""

    logits: Any
    heat: Any
    embedding: Any
    verdict: Any


def channels(recipe: Recipe) -> int:
    """Return how many channels a picture of this recipe has."""
    return 1 if recipe.camera.colour is Colour.GREY else 3


def map_size(recipe: Recipe) -> tuple[int, int]:
    """Return (rows, columns) of the heatmap."""
    return -(-recipe.network.height // STRIDE), -(-recipe.network.width // STRIDE)


def build(
    recipe: Recipe,
    batch: int | None = None,
    dropout: float = 0.0,
    precision: str = "float32",
    own: OwnPictures | None = None,
) -> Network:
    """Build the network with fresh weights; `batch` fixes the batch size (an export needs 1).

    `dropout` is the share of features that are left out at random while training. With `precision` "mixed" the
    backbone calculates in bfloat16; weights, brightness and answers stay float32. `own` is the user's code, if any.
    Raises ConfigError for a backbone that is not known, Rejected where the user's code makes no network for it.
    """
    check(recipe.network.backbone)
    if recipe.network.tile:
        many = batch and batch * len(places(recipe))
        one = build(of_a_tile(recipe), many, dropout, precision, own)
        return replace(one, serving=tiled(one.serving, recipe, channels(recipe), batch))
    shape = (recipe.network.height, recipe.network.width, channels(recipe))
    image = keras.Input(shape, batch_size=batch, name="image", dtype="float32")
    found = _answers(image, recipe, dropout, precision, own or OwnPictures(None, None))
    hint = layers.Dense(len(recipe.labels.names), name="hint")(ops.relu(found.embedding))
    taught = {"logits": found.logits, "heat": found.heat, "hint": hint, "verdict": found.verdict}
    logits, heat = found.logits, found.heat
    if recipe.network.model == "anomaly":
        logits, heat = _of_a_defect(found.verdict, len(recipe.labels.names)), found.verdict
    heatmap = ops.sigmoid(ops.squeeze(heat, axis=-1))
    serving = keras.Model(image, {"logits": logits, "heatmap": heatmap, "embedding": found.embedding})
    return Network(keras.Model(image, taught), serving, own)


def _answers(image: Any, recipe: Recipe, dropout: float, precision: str, own: OwnPictures) -> _Answers:
    """Return what the recipe's backbone, or the user's network, makes of the picture."""

    def dropped(features: Any) -> Any:
        return layers.SpatialDropout2D(dropout)(features)

    seen = own.seen(image) if own.prepare else relative(image)
    with _calculated_in(precision):
        backbone = recipe.network.backbone
        if backbone == OWN_CODE:
            levels = own.answers(seen, recipe)
            if isinstance(levels, dict):
                return _complete(levels, recipe)
        else:
            find = application_features if backbone in PRETRAINED else own_features
            levels = find(backbone, seen, dropped)
        found = _joined(*levels, dropped)
    features, parts = (ops.cast(x, "float32") for x in found)
    return _read(features, parts, recipe)


def _complete(outputs: dict[str, Any], recipe: Recipe) -> _Answers:
    """Take all answers from the user's network."""
    if recipe.network.model == "anomaly":
        raise ConfigError(
            "the anomaly model is fitted to features: let build_model return these, or set network.model: "
            "classification and train with defective pictures, too"
        )
    logits, heat, embedding = (ops.cast(outputs[name], "float32") for name in (LOGITS, HEAT, EMBEDDING))
    return _Answers(logits, heat, embedding, heat)


def _read(features: Any, parts: Any, recipe: Recipe) -> _Answers:
    """Read all answers from the features."""
    rare = keras.initializers.Constant(_DEFECTS_ARE_RARE)
    heat = layers.Conv2D(1, 1, name="heat", bias_initializer=rare)(features)
    kinds = layers.Conv2D(len(recipe.labels.defects), 1, name="kinds")(features)
    logits = _pooled(heat, heat + kinds, len(recipe.labels.names))
    embedding = layers.Dense(recipe.network.embedding, name="embedding")(layers.GlobalAveragePooling2D()(features))
    return _Answers(logits, heat, embedding, _verdict(heat, parts))


@contextmanager
def _calculated_in(precision: str) -> Iterator[None]:
    """Let the layers that are made meanwhile calculate in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "mixed" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _joined(fine: Any, coarse: Any, dropped: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Fine features at stride 8, joined with what the coarse level at stride 16 and the whole picture say.

    Also returns the coarse level alone, which knows small parts of the picture only. While training, whole features are
    left out at random: few defective parts are learned by heart otherwise.
    """
    parts = layers.Activation("linear", name=PARTS)(coarse)
    width = fine.shape[-1]
    whole = layers.Dense(coarse.shape[-1])(layers.GlobalAveragePooling2D(keepdims=True)(coarse))
    coarse = convolution(layers.ReLU(6.0)(coarse + whole), width, size=1)
    return dropped(convolution(convolution(fine, width, size=1) + enlarged(coarse, fine), width)), parts


def _verdict(heat: Any, parts: Any) -> Any:
    """Return a map of logits joined from the learned heat and from how far the parts' features lie from good ones'.

    The features are whitened by those of good pictures, so their absolute values are a distance (Rippel et al. 2021;
    one Gaussian for all places). All of it is fitted after the training (`anomaly`), and constant until then.
    """
    length = parts.shape[-1]
    both = np.concatenate([np.eye(length), -np.eye(length)], axis=1)
    apart = layers.ReLU(6.0)(fixed(parts, both, np.zeros(2 * length), WHITENED))
    distance = fixed(apart, np.full((2 * length, 1), 1 / length), np.zeros(1), "distance")
    distance = layers.AveragePooling2D(3, strides=1, padding="same", name=DISTANCE)(distance)
    known = layers.Concatenate(name=KNOWN)([heat, enlarged(distance, heat)])
    return fixed(known, np.asarray([[1.0], [0.0]]), np.zeros(1), VERDICT)


def _of_a_defect(verdict: Any, classes: int) -> Any:
    """Return logits (n, classes): that of the strongest cell, shared out evenly among the kinds of defect."""
    strongest = layers.GlobalMaxPooling2D(keepdims=True)(verdict)
    kernel = np.asarray([[0.0] + [1.0] * (classes - 1)])
    shared = fixed(strongest, kernel, np.asarray([0.0] + [-np.log(classes - 1)] * (classes - 1)), "shared_out")
    return layers.Flatten()(shared)


def _pooled(heat: Any, maps: Any, classes: int) -> Any:
    """Class scores from the strongest cell of each kind's map, and from the strongest and the mean heat."""
    strongest = layers.GlobalMaxPooling2D()
    pooled = layers.Concatenate()([strongest(maps), strongest(heat), layers.GlobalAveragePooling2D()(heat)])
    return layers.Dense(classes, name="logits", kernel_initializer=_read_the_strongest)(pooled)


def _read_the_strongest(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Start with each kind's score being half its strongest cell."""
    kernel = [[0.5 if column == row + 1 else 0.0 for column in range(shape[1])] for row in range(shape[0])]
    return ops.convert_to_tensor(kernel, dtype=dtype or "float32")
