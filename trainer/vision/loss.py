"""What the network is punished for: wrong class, wrong place, and an embedding that tells nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.vision.network import STRIDE

_SMOOTHING = 0.02
_PLACE_SHARE = 1.0
_HINT_SHARE = 0.2
_RAREST = 4.0
_HARD_CELLS = 12


@dataclass(frozen=True)
class Losses:
    """Scalars of one batch: the sum that is minimised and its parts."""

    total: Any
    classes: Any
    place: Any


def class_weights(labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """Return a weight for each class, mean 1 over the pictures: the square root of its rarity, limited to a factor 4.

    A class without pictures gets weight 1.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.sqrt(counts.max() / np.maximum(counts, 1))
    weights = np.where(counts > 0, np.minimum(weights, _RAREST), 1.0)
    return np.asarray(weights / (weights * counts).sum() * counts.sum(), np.float32)


def heat_targets(masks: Any) -> Any:
    """Return (n, rows, columns): 1 where a cell of the heatmap touches the mask (n, H, W)."""
    return tf.nn.max_pool2d(masks[..., None], STRIDE, STRIDE, "SAME")[..., 0]


def losses(outputs: dict[str, Any], labels: Any, masks: Any, masked: Any, weights: Any) -> Losses:
    """Join the losses. `masks` (n, H, W) 0..1, `masked` (n,) 1 where the mask is known, `weights` (classes,)."""
    weight = tf.gather(weights, labels)
    classes = tf.reduce_mean(weight * _cross_entropy(outputs["logits"], labels))
    hint = tf.reduce_mean(weight * _cross_entropy(outputs["hint"], labels))
    place = _place(outputs["heat"][..., 0], masks, masked)
    return Losses(classes + _PLACE_SHARE * place + _HINT_SHARE * hint, classes, place)


def _cross_entropy(logits: Any, labels: Any) -> Any:
    classes = logits.shape[-1]
    target = tf.one_hot(labels, classes) * (1 - _SMOOTHING) + _SMOOTHING / classes
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


def _place(heat: Any, masks: Any, masked: Any) -> Any:
    """Cross entropy of the cells in the mask, of the strongest ones outside it, and the overlap (Dice) of both.

    However small a defect is, it weighs as much as all the rest of the picture.
    """
    target = heat_targets(masks)
    cells = tf.nn.sigmoid_cross_entropy_with_logits(target, heat)
    inside = tf.reduce_sum(cells * target, axis=(1, 2))
    size = tf.reduce_sum(target, axis=(1, 2))
    outside = tf.reshape(cells * (1.0 - target), [tf.shape(heat)[0], -1])
    strongest = tf.reduce_mean(tf.math.top_k(outside, _HARD_CELLS).values, axis=1)
    probability = tf.sigmoid(heat)
    both = tf.reduce_sum(probability * target, axis=(1, 2))
    dice = 1.0 - (2.0 * both + 1.0) / (tf.reduce_sum(probability, axis=(1, 2)) + size + 1.0)
    return tf.reduce_mean(masked * (inside / tf.maximum(size, 1.0) + strongest + 0.5 * dice))
