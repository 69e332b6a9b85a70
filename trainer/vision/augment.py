"""What a picture of the same part could also have looked like: other light, other position, other noise.

All of it happens in the graph, on a whole batch at once. All draws come from the seed that is passed in: the same seed
gives the same pictures, so a resumed training sees what it would have seen. Pictures stay uint8, as a camera delivers
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

_LARGEST_GAIN, _LARGEST_CURVE, _LARGEST_OFFSET, _LARGEST_NOISE = 0.35, 0.2, 12.0, 3.0


@dataclass(frozen=True)
class Placing:
    """How far a part may lie elsewhere: `zoom` and `stretch` as logarithms, `move` as a fraction of the picture."""

    zoom: float = 0.02
    stretch: float = 0.05
    move: float = 0.02


def augment(images: Any, masks: Any, seed: Any, placing: Placing | None = None) -> tuple[Any, Any]:
    """Change the pictures of a batch, `images` (n, H, W, C) uint8 and `masks` (n, H, W) uint8 together.

    `seed` (2,) int64 decides everything. Returns tensors of the same shapes and types.
    """
    place, light, noise = (tf.random.experimental.stateless_fold_in(seed, number) for number in range(3))
    matrices = _placings(images.shape, place, placing or Placing())
    moved = _moved(images, matrices, "BILINEAR")
    covered = _moved(masks[..., None], matrices, "NEAREST")[..., 0]
    return _exposed(moved, light, noise), covered


def _placings(shape: Any, seed: Any, placing: Placing) -> Any:
    """Return (n, 8) projective transforms, output to input: mirrored or not, scaled and moved about the middle."""
    count, rows, columns = shape[0], shape[1], shape[2]
    draws = tf.random.stateless_uniform((count, 6), seed, -1.0, 1.0)
    mirrored = tf.where(draws[:, :2] < 0, -1.0, 1.0)
    zoom, stretch = draws[:, 2] * placing.zoom, draws[:, 3] * placing.stretch
    scale = mirrored * tf.exp(tf.stack([zoom + stretch, zoom - stretch], axis=1))
    middle = tf.constant([(columns - 1) / 2, (rows - 1) / 2])
    move = middle - scale * middle + draws[:, 4:] * placing.move * tf.constant([columns, rows], tf.float32)
    nothing = tf.zeros(count)
    across, down = (scale[:, 0], nothing, move[:, 0]), (nothing, scale[:, 1], move[:, 1])
    return tf.stack([*across, *down, nothing, nothing], axis=1)


def _moved(images: Any, matrices: Any, how: str) -> Any:
    """The border is filled with its mirror image, which draws no edge of its own."""
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=matrices,
        output_shape=tf.constant(list(images.shape[1:3])),
        fill_value=tf.constant(0.0),
        interpolation=how,
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(moved, images.shape)


def _exposed(images: Any, light: Any, grain: Any) -> Any:
    """Change lamp (gain, 0.7 to 1.4), camera curve (gamma), black level and sensor noise."""
    draws = tf.random.stateless_uniform((images.shape[0], 4), light, -1.0, 1.0)
    gain, curve = tf.exp(draws[:, :1] * _LARGEST_GAIN), tf.exp(draws[:, 1:2] * _LARGEST_CURVE)
    levels = tf.range(256, dtype=tf.float32)[None, :] / 255.0
    table = tf.pow(levels, curve) * gain * 255.0 + draws[:, 2:3] * _LARGEST_OFFSET
    seen = tf.gather(table, tf.cast(images, tf.int32), batch_dims=1)
    strength = tf.reshape(_LARGEST_NOISE * tf.abs(draws[:, 3]), (-1, 1, 1, 1))
    seen += strength * tf.random.stateless_normal(images.shape, grain)
    return tf.cast(tf.clip_by_value(tf.round(seen), 0.0, 255.0), tf.uint8)
