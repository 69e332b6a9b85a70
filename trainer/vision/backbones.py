"""Feature extractors: our own small ones, EfficientNet-Lite0, and some of `keras.applications`.

Each gives features at stride 8 and at stride 16; what is read from them is the same for all (`network`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from edge_agent.contracts.errors import ConfigError
from trainer.vision.contrast import fixed
from trainer.vision.known_backbones import APPLICATIONS, CHANNELS, LITE, Application, check, weights_file
from trainer.vision.lite import lite_body, load_lite

_LIKE_IMAGENET = 0.5
_MOMENTUM = 0.9
BODY = "body"
_LITE_WIDTHS = (64, 96)


def application_features(backbone: str, seen: Any, dropped: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return the features at stride 8 and 16 of a picture relative to its mean, as `relative` gives it."""
    body, widths = _body(backbone, tuple(seen.shape[1:3]))
    inputs = seen.shape[-1]
    spread = np.full((1, 3), _LIKE_IMAGENET) if inputs == 1 else _LIKE_IMAGENET * np.eye(3)
    fine, coarse, *deep = body(fixed(seen, spread, np.zeros(3), "three_channels"))
    fine = convolution(dropped(fine), widths[0], size=1)
    coarse = convolution(dropped(coarse), widths[1], size=1)
    for level in deep:
        coarse = coarse + enlarged(convolution(dropped(level), widths[1], size=1), coarse)
    return dropped(fine), dropped(coarse)


def _body(backbone: str, size: tuple[int, int]) -> tuple[keras.Model, tuple[int, int]]:
    """Return the network to the features at stride 8 and 16, and how many channels are read from them."""
    if backbone == LITE:
        return lite_body(size, BODY, _MOMENTUM), _LITE_WIDTHS
    about = APPLICATIONS[backbone]
    make = getattr(keras.applications, about.make)
    whole = make(input_shape=(*size, 3), include_top=False, weights=None, **dict(about.options))
    for layer in whole.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = _MOMENTUM
    found = [whole.get_layer(name).output for name in (about.fine, about.coarse)]
    return keras.Model(whole.input, found, name=BODY), about.widths


def load_pretrained(network: keras.Model, backbone: str, weights: str) -> None:
    """Give the network's backbone pretrained weights: `imagenet`, or a file that `keras.applications` can read.

    Raises ConfigError when the file cannot be fetched or is not that backbone's.
    """
    check(backbone, weights)
    path = weights_file(backbone, weights)
    if backbone == LITE and path is not None:
        load_lite(network.get_layer(BODY), path)
        return
    about = APPLICATIONS[backbone]
    path = path or _fetched(about, backbone)
    if not path.is_file():
        raise ConfigError(f"network.weights {path}: no such file; fetch {about.file()} and give its path")
    body = network.get_layer(BODY)
    whole = getattr(keras.applications, about.make)(
        input_shape=body.input_shape[1:], include_top=False, weights=None, **dict(about.options)
    )
    try:
        whole.load_weights(str(path))
    except (ValueError, OSError, KeyError) as error:
        wanted = Path(about.weights).name
        raise ConfigError(f"network.weights {path}: not the weights of {backbone}; expected {wanted}") from error
    named = {layer.name: layer for layer in whole.layers}
    for layer in (layer for layer in body.layers if layer.weights):
        layer.set_weights(named[layer.name].get_weights())


def _fetched(about: Application, backbone: str) -> Path:
    try:
        return Path(keras.utils.get_file(about.weights, about.file(), cache_subdir="models"))
    except Exception as error:
        raise ConfigError(
            f"network.weights is 'imagenet', and the weights of {backbone} could not be fetched; fetch {about.file()} "
            f"elsewhere and give the path of {about.weights} as network.weights"
        ) from error


def convolution(x: Any, width: int, stride: int = 1, size: int = 3) -> Any:
    """Convolution, batch normalisation and ReLU6: one operation once converted."""
    x = layers.Conv2D(width, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU(6.0)(layers.BatchNormalization(momentum=_MOMENTUM)(x))


def enlarged(features: Any, like: Any) -> Any:
    """Return the features (n, h, w, channels) with the rows and columns of `like`, by repeating cells."""
    return ops.image.resize(features, like.shape[1:3], interpolation="nearest")


def own_features(backbone: str, seen: Any, dropped: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return the features at stride 8 and 16 of one of our own."""
    widths = CHANNELS[backbone]
    x = convolution(seen, widths[0], stride=2)
    x = _residual(convolution(x, widths[1], stride=2))
    fine = dropped(_residual(dropped(convolution(x, widths[2], stride=2))))
    coarse = dropped(convolution(fine, widths[3], stride=2))
    return fine, dropped(_residual(dropped(_residual(coarse))))


def _residual(x: Any) -> Any:
    width = x.shape[-1]
    inner = convolution(x, width)
    inner = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(inner)
    inner = layers.BatchNormalization(momentum=_MOMENTUM, gamma_initializer="zeros")(inner)
    return layers.ReLU(6.0)(x + inner)
