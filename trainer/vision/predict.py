"""The network's answers to many pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.vision.network import Network

_BATCH = 32


@dataclass(frozen=True)
class Outputs:
    """`logits` (n, classes), `heatmaps` (n, rows, columns) 0..1, `embeddings` (n, length); all float32."""

    logits: npt.NDArray[np.float32]
    heatmaps: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]


def predict(network: Network, images: npt.NDArray[np.uint8]) -> Outputs:
    """Run the serving network over pictures (n, H, W, C) uint8, n at least 1."""
    names = ("logits", "heatmap", "embedding")
    collected: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in names}
    run = _compiled(network)
    for start in range(0, len(images), _BATCH):
        piece = images[start : start + _BATCH]
        answers = run(tf.constant(_filled(piece), tf.float32))
        for name in names:
            collected[name].append(answers[name].numpy()[: len(piece)])
    logits, heatmaps, embeddings = (np.concatenate(collected[name]) for name in names)
    return Outputs(logits, heatmaps, embeddings)


def _filled(piece: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Fill the last batch up, so that one compiled graph serves all."""
    return np.concatenate([piece, np.repeat(piece[-1:], _BATCH - len(piece), axis=0)])


_COMPILED = "_lineside_predict"


def _compiled(network: Network) -> Callable[[Any], dict[str, Any]]:
    """Return the network's compiled call, traced once for its lifetime."""
    found: Callable[[Any], dict[str, Any]] | None = getattr(network.serving, _COMPILED, None)
    if found is None:
        found = tf.function(lambda pictures: network.serving(pictures, training=False), autograph=False)
        setattr(network.serving, _COMPILED, found)
    return found
