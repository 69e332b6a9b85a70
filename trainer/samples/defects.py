"""Four kinds of defect, painted into a surface, each with the mask of where it is."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from trainer.samples.surface import CANVAS, MARGIN, Image, smooth_noise

KINDS = ("scratch", "pit", "dent", "stain")
"""The labels of the defects, in the order in which they take turns."""

_VISIBLE = 0.35
"""A pixel belongs to the mask where the defect has at least this share of its full strength."""


def paint(rng: np.random.Generator, kind: str, surface: Image) -> tuple[Image, Image]:
    """Return the surface with one defect of `kind`, and its mask (0..1), both (CANVAS, CANVAS).

    Raises KeyError for an unknown kind.
    """
    change, strength = _PAINTERS[kind](rng)
    mask = (strength > _VISIBLE).astype(np.float32)
    return np.maximum(surface * (1 + change), np.float32(0.02)), mask


def _place(rng: np.random.Generator, reach: float) -> tuple[float, float]:
    """Choose a centre so that a defect of radius `reach` stays in the picture however the part is shifted."""
    border = min(2 * MARGIN + reach, CANVAS / 2 - 1)
    x, y = rng.uniform(border, CANVAS - border, 2)
    return float(x), float(y)


def _scratch(rng: np.random.Generator) -> tuple[Image, Image]:
    length, angle = rng.uniform(24, 90), rng.uniform(0, np.pi)
    x, y = _place(rng, length / 2)
    along = np.linspace(-0.5, 0.5, 24) * length
    bend = rng.uniform(-0.12, 0.12) * length * (1 - (2 * along / length) ** 2)
    points = np.stack(
        [x + along * np.cos(angle) - bend * np.sin(angle), y + along * np.sin(angle) + bend * np.cos(angle)], axis=1
    )
    line = np.zeros((CANVAS, CANVAS), np.uint8)
    fixed_point = np.rint(points * 16).astype(np.int32)
    cv2.polylines(line, [fixed_point], False, (255,), int(rng.integers(1, 3)), cv2.LINE_AA, 4)
    core = line.astype(np.float32) / 255
    edge = cv2.GaussianBlur(core, (0, 0), 1.6) - 0.5 * core
    sign = np.float32(1.0 if rng.random() < 0.7 else -1.0)
    contrast = np.float32(rng.uniform(0.24, 0.6))
    return sign * contrast * (core - np.maximum(edge, 0)), core


def _pit(rng: np.random.Generator) -> tuple[Image, Image]:
    change, strength = np.zeros((CANVAS, CANVAS), np.float32), np.zeros((CANVAS, CANVAS), np.float32)
    x, y = _place(rng, 14)
    for _ in range(int(rng.integers(1, 5))):
        spot = _ellipse(rng, x + rng.uniform(-10, 10), y + rng.uniform(-10, 10), rng.uniform(2.2, 5.0), 1.0)
        rim = np.roll(spot, (1, 1), (0, 1)) - spot
        change += -np.float32(rng.uniform(0.3, 0.7)) * spot + 0.35 * np.maximum(rim, 0)
        strength = np.maximum(strength, spot)
    return np.maximum(change, -0.85), strength


def _dent(rng: np.random.Generator) -> tuple[Image, Image]:
    radius = rng.uniform(6, 18)
    x, y = _place(rng, radius * 1.4)
    bowl = np.asarray(cv2.GaussianBlur(_ellipse(rng, x, y, radius * 0.8, 1.0), (0, 0), radius * 0.35), np.float32)
    gradient_x, gradient_y = cv2.Sobel(bowl, cv2.CV_32F, 1, 0), cv2.Sobel(bowl, cv2.CV_32F, 0, 1)
    lamp = rng.uniform(0, 2 * np.pi)
    shade = np.cos(lamp) * gradient_x + np.sin(lamp) * gradient_y
    shade = shade / max(float(np.abs(shade).max()), 1e-6)
    contrast = rng.uniform(0.2, 0.45)
    return np.asarray(contrast * shade - 0.3 * contrast * bowl, np.float32), bowl


def _stain(rng: np.random.Generator) -> tuple[Image, Image]:
    radius = rng.uniform(9, 30)
    x, y = _place(rng, radius)
    blob = _ellipse(rng, x, y, radius, radius * 0.3)
    ragged = np.clip(blob * (1 + 0.5 * smooth_noise(rng, CANVAS, radius * 0.7)) * 2.2 - 0.7, 0, 1)
    soft = np.asarray(cv2.GaussianBlur(ragged, (0, 0), 1.5), np.float32)
    contrast = np.float32(rng.uniform(0.16, 0.36))
    sign = np.float32(-1.0 if rng.random() < 0.8 else 1.0)
    return sign * contrast * soft, soft / max(float(soft.max()), 1e-6)


def _ellipse(rng: np.random.Generator, x: float, y: float, radius: float, softness: float) -> Image:
    """Return an ellipse of height 1 around (x, y), its edge `softness` pixels wide."""
    aspect, angle = rng.uniform(0.65, 1.0), rng.uniform(0, np.pi)
    axis = np.arange(CANVAS, dtype=np.float32)
    dx, dy = axis[None, :] - x, axis[:, None] - y
    u, v = dx * np.cos(angle) + dy * np.sin(angle), (dy * np.cos(angle) - dx * np.sin(angle)) / aspect
    inside = (radius - np.hypot(u, v)) / softness + 0.5
    return np.asarray(np.clip(inside, 0, 1), np.float32)


_PAINTERS: dict[str, Callable[[np.random.Generator], tuple[Image, Image]]] = {
    "scratch": _scratch,
    "pit": _pit,
    "dent": _dent,
    "stain": _stain,
}
