"""What the network is punished for: wrong class, wrong place, and an embedding that tells nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from trainer.vision.network import STRIDE

_SMOOTHING = 0.02
_CLASS_SHARE = 0.1
_HINT_SHARE = 0.02
_RAREST = 4.0
_DEFECT_WEIGHT, _LARGE_WEIGHT, _SMALL_WEIGHT = 60.0, 3.0, 20.0
_INNER_WEIGHT, _BESIDE_WEIGHT = 0.5, 0.2
_RIM, _LARGE = 2, 64.0
"""A defect's rim is so many cells wide; a defect of more than _LARGE cells has an inside that tells little."""


@dataclass(frozen=True)
class Losses:
    """Scalars of one batch: the sum that is minimised and its parts."""

    total: Any
    classes: Any
    place: Any


def class_weights(labels: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float32]:
    """Return a weight for each class, mean 1 over the pictures: the square root of its rarity, limited to a factor 4.

    A class without pictures gets weight 1, and a label of -1 (of no known kind) is not counted.
    """
    counts = np.bincount(labels[labels >= 0], minlength=classes).astype(np.float64)
    weights = np.sqrt(counts.max() / np.maximum(counts, 1))
    weights = np.where(counts > 0, np.minimum(weights, _RAREST), 1.0)
    return np.asarray(weights / (weights * counts).sum() * counts.sum(), np.float32)


def heat_targets(masks: Any) -> Any:
    """Return (n, rows, columns): 1 where a cell of the heatmap touches the mask (n, H, W)."""
    return tf.nn.max_pool2d(masks[..., None], STRIDE, STRIDE, "SAME")[..., 0]


def losses(outputs: dict[str, Any], labels: Any, masks: Any, masked: Any, weights: Any) -> Losses:
    """Join the losses.

    `labels` (n,) with -1 for "defective, of no known kind", `masks` (n, H, W) 0..1, `masked` (n,) 1 where the mask
    is known, `weights` (classes,).
    """
    weight = tf.gather(weights, tf.maximum(labels, 0))
    classes = tf.reduce_mean(weight * _cross_entropy(outputs["logits"], labels))
    hint = tf.reduce_mean(weight * _cross_entropy(outputs["hint"], labels))
    place = _place(outputs["heat"][..., 0], masks, masked)
    return Losses(place + _CLASS_SHARE * classes + _HINT_SHARE * hint, classes, place)


def _cross_entropy(logits: Any, labels: Any) -> Any:
    """Cross entropy (n,) with smoothed labels; for label -1 that of "not good"."""
    classes = logits.shape[-1]
    target = tf.one_hot(labels, classes) * (1 - _SMOOTHING) + _SMOOTHING / classes
    named = tf.nn.softmax_cross_entropy_with_logits(target, logits)
    unnamed = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_logsumexp(logits[:, 1:], axis=-1)
    return tf.where(labels < 0, unnamed, named)


def cell_weights(target: Any) -> Any:
    """Return how much each cell of the heatmap's target (n, rows, columns; 0 or 1) counts.

    The rim of a defect counts most, the more the smaller it is. Deep inside a large one, as in a band that is finished
    differently, and right beside it nobody can say which side is the defect: what tells is where the surface changes.
    The picture's border is no rim.
    """
    rim = target * _spread(1.0 - target)
    cells = tf.reduce_sum(rim, axis=(1, 2), keepdims=True)
    large = tf.cast(tf.reduce_sum(target, axis=(1, 2), keepdims=True) > _LARGE, tf.float32)
    defect = tf.clip_by_value(_DEFECT_WEIGHT / tf.maximum(cells, 1.0), _LARGE_WEIGHT, _SMALL_WEIGHT)
    beside = 1.0 - (1.0 - _BESIDE_WEIGHT) * large * _spread(target)
    return rim * defect + (target - rim) * _INNER_WEIGHT + (1.0 - target) * beside


def _spread(cells: Any) -> Any:
    """Return 1 where a cell that is 1 lies within _RIM cells."""
    return tf.nn.max_pool2d(cells[..., None], 2 * _RIM + 1, 1, "SAME")[..., 0]


def _place(heat: Any, masks: Any, masked: Any) -> Any:
    """Cross entropy of the heatmap's cells, weighed.

    Weighing only the hardest cells, or the overlap (Dice), let the training stand still at a grey heatmap.
    """
    target = heat_targets(masks)
    cells = tf.nn.sigmoid_cross_entropy_with_logits(target, heat) * cell_weights(target)
    return tf.reduce_mean(masked * tf.reduce_mean(cells, axis=(1, 2)))
