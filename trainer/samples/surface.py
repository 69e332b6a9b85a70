"""What a machined surface looks like to a grey camera: marks of the tool, lamp, lens and sensor."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
"""Shape (height, width), float32: reflectance (about 1) or light (about 0..1)."""

SIZE = 160
"""Width and height of a sample picture in pixels."""
MARGIN = 8
"""The surface reaches this many pixels beyond the picture on each side, so that a part may lie shifted."""
CANVAS = SIZE + 2 * MARGIN

_FULL_WELL = 20000.0
_READ_NOISE = 0.8
_GREY_LEVEL = 132.0
_UNEVEN_WHEN_DARK = 0.32


def _coordinates() -> tuple[Image, Image]:
    axis = np.arange(CANVAS, dtype=np.float32) - CANVAS / 2
    return np.broadcast_to(axis[None, :], (CANVAS, CANVAS)), np.broadcast_to(axis[:, None], (CANVAS, CANVAS))


def smooth_noise(rng: np.random.Generator, size: int, cell: float) -> Image:
    """Return noise of mean 0 and deviation about 1, shape (size, size), whose blotches are `cell` pixels wide."""
    coarse = max(int(size / cell) + 2, 2)
    grid = rng.standard_normal((coarse, coarse)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC), np.float32) * np.float32(1.3)


def machined_surface(rng: np.random.Generator) -> Image:
    """Return the reflectance of one good part, shape (CANVAS, CANVAS), mean about 1.

    The tool's marks are circles around a centre: near for turning, so far away for milling that they are lines.
    """
    turned = rng.random() < 0.5
    distance = rng.uniform(110, 260) if turned else rng.uniform(1500, 4000)
    angle = rng.normal(0.0, 0.12) + (np.pi / 4 if turned else np.pi / 2)
    x, y = _coordinates()
    radius = np.hypot(x - distance * np.cos(angle), y - distance * np.sin(angle))
    feed = rng.uniform(5.5, 8.5)
    table = rng.standard_normal(1024).astype(np.float32)
    fine = cv2.GaussianBlur(table[None, :], (0, 0), 1.2)[0]
    phase = (radius - radius.min()) % 1023
    marks = 0.035 * np.sin(2 * np.pi * radius / feed) + 0.045 * np.interp(phase, np.arange(1024), fine)
    strength = 1.0 + 0.25 * smooth_noise(rng, CANVAS, 50)
    grain = 0.022 * rng.standard_normal((CANVAS, CANVAS))
    film = 0.022 * smooth_noise(rng, CANVAS, 70)
    surface = 1.0 + marks * strength + grain + film
    return _with_dust(rng, np.asarray(surface, np.float32))


def _with_dust(rng: np.random.Generator, surface: Image) -> Image:
    """Lay harmless specks on the surface: what a model must learn to pass."""
    for _ in range(int(rng.poisson(1.5))):
        x, y = rng.integers(4, CANVAS - 4, 2)
        surface[y, x] += np.float32(rng.choice([-1.0, 1.0]) * rng.uniform(0.05, 0.15))
    return surface


def light(rng: np.random.Generator, brightness: float) -> Image:
    """Return the light of one frame over the picture, shape (SIZE, SIZE): lamp, its direction, and vignetting.

    A lamp that grows dark does so on one side first, so the picture becomes uneven too.
    """
    axis = np.linspace(-1, 1, SIZE, dtype=np.float32)
    direction, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.08)
    slope += _UNEVEN_WHEN_DARK * max(0.0, 1.0 - brightness)
    tilt = 1.0 + slope * (np.cos(direction) * axis[None, :] + np.sin(direction) * axis[:, None])
    vignette = 1.0 - 0.11 * (axis[None, :] ** 2 + axis[:, None] ** 2)
    lamp = brightness * rng.normal(1.0, 0.03)
    return np.asarray(lamp * tilt * vignette, np.float32)


def expose(
    rng: np.random.Generator, surface: Image, shift: tuple[float, float], brightness: float, blur: float
) -> npt.NDArray[np.uint8]:
    """Photograph the surface, shifted by (x, y) pixels: light, defocus, shot and read noise, 8 bits.

    The same draws are made for every brightness and blur, so a darker picture shows the same part.
    """
    scene = moved(surface, shift) * light(rng, brightness)
    if blur > 0:
        scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), blur), np.float32)
    level = np.maximum(scene, 0) * _GREY_LEVEL
    shot = np.sqrt(level / 255 * _FULL_WELL) * 255 / _FULL_WELL
    noisy = level + rng.standard_normal(level.shape) * np.hypot(shot, _READ_NOISE)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def moved(canvas: Image, shift: tuple[float, float]) -> Image:
    """Cut the picture out of the canvas, moved by (x, y) pixels of at most MARGIN; shape (SIZE, SIZE)."""
    matrix = np.asarray([[1, 0, -MARGIN + shift[0]], [0, 1, -MARGIN + shift[1]]], np.float32)
    return np.asarray(cv2.warpAffine(canvas, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR), np.float32)
