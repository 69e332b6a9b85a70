"""What a picture of the same part could also have looked like: other light, other position, other noise.

All draws are stateless: the same seed gives the same pictures, so a resumed training sees what it would have seen.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_LARGEST_SHIFT = 0.06
_GAIN = 0.35
_GAMMA = 0.2
_OFFSET = 12.0
_NOISE = 3.0


def augment(images: Any, masks: Any, seed: Any) -> tuple[Any, Any]:
    """Change a batch: images (n, H, W, C) uint8, masks (n, H, W) uint8, seed (2,) int32.

    Returns images as float32 0..255 and the masks as float32 0 or 1, changed together.
    """
    seeds = tf.unstack(tf.random.split(seed, 6))
    images = tf.cast(images, tf.float32)
    stacked = tf.concat([images, tf.cast(masks, tf.float32)[..., None]], axis=-1)
    stacked = _shifted(_flipped(stacked, seeds[0], seeds[1]), seeds[2])
    return _exposed(stacked[..., :-1], seeds[3], seeds[4], seeds[5]), stacked[..., -1]


def _flipped(x: Any, seed_x: Any, seed_y: Any) -> Any:
    count = tf.shape(x)[0]
    for seed, axis in ((seed_x, 2), (seed_y, 1)):
        turn = tf.random.stateless_uniform([count, 1, 1, 1], seed) < 0.5
        x = tf.where(turn, tf.reverse(x, [axis]), x)
    return x


def _shifted(x: Any, seed: Any) -> Any:
    """Move and slightly scale each picture; the border is filled with its mirror image."""
    size = tf.cast(tf.shape(x)[1:3], tf.float32)
    draws = tf.random.stateless_uniform([tf.shape(x)[0], 4], seed, -1.0, 1.0)
    scale = 1.0 + 0.08 * draws[:, 2:]
    move = draws[:, :2] * _LARGEST_SHIFT * size[::-1] + (1 - scale) * size[::-1] / 2
    zero = tf.zeros_like(move[:, 0])
    transform = tf.stack([scale[:, 0], zero, move[:, 0], zero, scale[:, 1], move[:, 1], zero, zero], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=transform,
        output_shape=tf.shape(x)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _exposed(images: Any, seed_gain: Any, seed_curve: Any, seed_noise: Any) -> Any:
    """Change lamp (gain, down to half and up to 1.6), camera curve (gamma), black level and sensor noise."""
    shape = [tf.shape(images)[0], 1, 1, 1]
    gain = tf.exp(tf.random.stateless_uniform(shape, seed_gain, -_GAIN, _GAIN))
    draws = tf.random.stateless_uniform([*shape[:3], 3], seed_curve, -1.0, 1.0)
    gamma = tf.exp(draws[..., 0:1] * _GAMMA)
    light = tf.pow(tf.clip_by_value(images / 255.0, 1e-4, 1.0), gamma) * gain * 255.0 + draws[..., 1:2] * _OFFSET
    noise = tf.random.stateless_normal(tf.shape(images), seed_noise) * _NOISE * tf.abs(draws[..., 2:3])
    return tf.clip_by_value(light + noise, 0.0, 255.0)
