"""What the network sees of a picture: brightness relative to the picture's mean, the same for any lamp.

All operations have an int8 kernel in the runtimes of the devices: division has none, so one over the mean is read from
a line through a few knots, made of clipped ramps (two tiny convolutions with fixed weights).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

_CONTRAST = 4.0
_MEANS = (32.0, 255.0, 9)


def relative(image: Any) -> Any:
    """Return each pixel's difference to the picture's mean, relative to that mean, times 4.

    `image` (n, H, W, C) 0..255; exact within 1 % for means of 32 to 255.
    """
    mean = ops.mean(image, axis=(1, 2, 3), keepdims=True)
    return (image - mean) * one_over(mean, _CONTRAST, _MEANS, "mean")


def one_over(x: Any, numerator: float, knots: tuple[float, float, int], name: str) -> Any:
    """Return `numerator` / x (n, h, w, 1), constant beyond the first and the last of the knots (first, last, count)."""
    places = np.geomspace(*knots)
    low, high = places[:-1], places[1:]
    slope = 6.0 / (high - low)
    ramps = fixed(x, slope[None, :], -low * slope, f"ramps_of_{name}")
    steps = (numerator / high - numerator / low) / 6.0
    return fixed(layers.ReLU(6.0)(ramps), steps[:, None], np.asarray([numerator / low[0]]), f"one_over_{name}")


def fixed(x: Any, kernel: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], name: str) -> Any:
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
