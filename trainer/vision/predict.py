"""The network's answers to many pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_agent.contracts.errors import Rejected
from trainer.vision.network import Network

NAMES = ("logits", "heatmap", "embedding")
_BATCH = 32


@dataclass(frozen=True)
class Outputs:
    """`logits` (n, classes), `heatmaps` (n, rows, columns) 0..1, `embeddings` (n, length); all float32."""

    logits: npt.NDArray[np.float32]
    heatmaps: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]


Told = Callable[[int], None]
"""Is told how many more pictures were answered."""


def _nobody(_more: int) -> None:
    pass


def predict(network: Network, images: npt.NDArray[np.uint8], told: Told = _nobody) -> Outputs:
    """Run the serving network over pictures (n, H, W, C) uint8, n at least 1."""
    collected: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in NAMES}
    run = _compiled(network)
    for start in range(0, len(images), _BATCH):
        piece = images[start : start + _BATCH]
        answers = run(tf.constant(_filled(piece), tf.float32))
        for name in NAMES:
            collected[name].append(answers[name].numpy()[: len(piece)])
        told(len(piece))
    logits, heatmaps, embeddings = (np.concatenate(collected[name]) for name in NAMES)
    return Outputs(logits, heatmaps, embeddings)


def predict_saved(saved_model: Path, images: npt.NDArray[np.uint8], told: Told = _nobody) -> Outputs:
    """Let an exported network answer, picture by picture: also one that this version's code would build differently.

    `images` (n, H, W, C) uint8, n at least 1. Raises Rejected for a SavedModel that cannot be read or takes others.
    """
    try:
        loaded = tf.saved_model.load(str(saved_model))
        call = loaded.signatures["serving_default"]
        answers = []
        for image in images:
            answers.append(call(image=tf.constant(image[None], tf.float32)))
            told(1)
    except (OSError, ValueError, KeyError, TypeError, tf.errors.OpError) as error:
        raise Rejected(f"{saved_model}: cannot answer these pictures ({' '.join(str(error).split())[:200]})") from error
    return Outputs(*(np.concatenate([one[name].numpy() for one in answers]) for name in NAMES))


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
