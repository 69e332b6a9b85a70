"""The one network: class scores, defect heatmap and embedding from one picture.

Everything that says "defective" comes from the same maps of defects, one map a kind: the class scores are pooled from
them and the heatmap is their maximum, so the heatmap shows what the verdict was made of. All operations
have an int8 kernel in the runtimes of the devices: convolutions with folded batch normalisation and ReLU6, additions,
nearest-neighbour enlargement, means, maxima, and one sigmoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Colour, Recipe

STRIDE = 8
"""The heatmap has one cell for each STRIDE x STRIDE pixels of the input (rounded up)."""

BACKBONES = {
    "tiny": (8, 16, 24, 32),
    "small": (12, 24, 40, 64),
    "medium": (16, 32, 64, 96),
}
"""Channels at strides 2, 4, 8 and 16."""

_CONTRAST = 4.0
_KNOTS = (32.0, 255.0, 9)
_DEFECTS_ARE_RARE = -3.0


@dataclass(frozen=True)
class Network:
    """Two views of the same weights.

    `training` takes pictures (batch, H, W, C) and gives a dictionary of `logits` (batch, classes), `maps` (batch, h, w,
    defects; logits) and `hint` (batch, classes; logits made from the embedding alone, only to teach it).
    `serving` gives `logits`, `heatmap` (batch, h, w; 0..1) and `embedding` (batch, recipe.network.embedding).
    Pictures are float32 0..255; the scaling is part of the network.
    """

    training: keras.Model
    serving: keras.Model


def channels(recipe: Recipe) -> int:
    """Return how many channels a picture of this recipe has."""
    return 1 if recipe.camera.colour is Colour.GREY else 3


def map_size(recipe: Recipe) -> tuple[int, int]:
    """Return (rows, columns) of the heatmap."""
    return -(-recipe.network.height // STRIDE), -(-recipe.network.width // STRIDE)


def build(recipe: Recipe, batch: int | None = None, dropout: float = 0.0) -> Network:
    """Build the network with fresh weights; `batch` fixes the batch size (an export needs 1).

    `dropout` is the share of features that are left out at random while training.
    Raises ConfigError for a backbone that is not known.
    """
    if recipe.network.backbone not in BACKBONES:
        raise ConfigError(
            f"network.backbone is '{recipe.network.backbone}', expected one of {', '.join(sorted(BACKBONES))}"
        )
    shape = (recipe.network.height, recipe.network.width, channels(recipe))
    image = keras.Input(shape, batch_size=batch, name="image", dtype="float32")
    features = _features(_relative(image), BACKBONES[recipe.network.backbone], dropout)
    heat = layers.Conv2D(1, 1, name="heat", bias_initializer=keras.initializers.Constant(_DEFECTS_ARE_RARE))(features)
    kinds = layers.Conv2D(len(recipe.labels.defects), 1, name="kinds")(features)
    logits = _pooled(heat, heat + kinds, len(recipe.labels.names))
    embedding = layers.Dense(recipe.network.embedding, name="embedding")(layers.GlobalAveragePooling2D()(features))
    hint = layers.Dense(len(recipe.labels.names), name="hint")(ops.relu(embedding))
    heatmap = ops.sigmoid(ops.squeeze(heat, axis=-1))
    return Network(
        training=keras.Model(image, {"logits": logits, "heat": heat, "hint": hint}),
        serving=keras.Model(image, {"logits": logits, "heatmap": heatmap, "embedding": embedding}),
    )


def _relative(image: Any) -> Any:
    """Return each pixel's difference to the picture's mean, relative to that mean: the same for any lamp.

    Division has no int8 kernel. One over the mean is read from a line through _KNOTS instead, made of clipped
    ramps: two tiny convolutions with fixed weights, exact within 1 % between the first and the last knot.
    """
    mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
    knots = np.geomspace(*_KNOTS)
    low, high = knots[:-1], knots[1:]
    slope = 6.0 / (high - low)
    ramps = _fixed(mean, slope[None, :], -low * slope, "ramps")
    steps = (_CONTRAST / high - _CONTRAST / low) / 6.0
    factor = _fixed(layers.ReLU(6.0)(ramps), steps[:, None], np.asarray([_CONTRAST / low[0]]), "one_over_mean")
    return (image - mean) * factor


def _fixed(x: Any, kernel: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], name: str) -> Any:
    """Apply a 1x1 convolution whose weights (inputs, outputs) are not trained."""
    layer = layers.Conv2D(
        kernel.shape[1],
        1,
        name=name,
        trainable=False,
        kernel_initializer=keras.initializers.Constant(kernel[None, None]),
        bias_initializer=keras.initializers.Constant(bias),
    )
    return layer(x)


def _features(x: Any, widths: tuple[int, ...], dropout: float) -> Any:
    """Fine features at stride 8, joined with what the coarse level at stride 16 and the whole picture say.

    While training, whole features are left out at random: few defective parts are learned by heart otherwise.
    """

    def dropped(features: Any) -> Any:
        return layers.SpatialDropout2D(dropout)(features)

    x = _convolution(x, widths[0], stride=2)
    x = _residual(_convolution(x, widths[1], stride=2))
    fine = dropped(_residual(dropped(_convolution(x, widths[2], stride=2))))
    coarse = dropped(_convolution(fine, widths[3], stride=2))
    coarse = dropped(_residual(dropped(_residual(coarse))))
    whole = layers.Dense(widths[3])(layers.GlobalAveragePooling2D(keepdims=True)(coarse))
    coarse = layers.ReLU(6.0)(coarse + whole)
    coarse = _convolution(coarse, widths[2], size=1)
    enlarged = ops.image.resize(coarse, fine.shape[1:3], interpolation="nearest")
    return dropped(_convolution(_convolution(fine, widths[2], size=1) + enlarged, widths[2]))


def _convolution(x: Any, width: int, stride: int = 1, size: int = 3) -> Any:
    x = layers.Conv2D(width, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))


def _residual(x: Any) -> Any:
    width = x.shape[-1]
    inner = _convolution(x, width)
    inner = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(inner)
    inner = layers.BatchNormalization(momentum=0.9, gamma_initializer="zeros")(inner)
    return layers.ReLU(6.0)(x + inner)


def _pooled(heat: Any, maps: Any, classes: int) -> Any:
    """Class scores from the strongest cell of each kind's map, and from the strongest and the mean heat."""
    strongest = layers.GlobalMaxPooling2D()
    pooled = layers.Concatenate()([strongest(maps), strongest(heat), layers.GlobalAveragePooling2D()(heat)])
    return layers.Dense(classes, name="logits", kernel_initializer=_read_the_strongest)(pooled)


def _read_the_strongest(shape: tuple[int, ...], dtype: Any = None) -> Any:
    """Start with each kind's score being half its strongest cell."""
    kernel = [[0.5 if column == row + 1 else 0.0 for column in range(shape[1])] for row in range(shape[0])]
    return ops.convert_to_tensor(kernel, dtype=dtype or "float32")
