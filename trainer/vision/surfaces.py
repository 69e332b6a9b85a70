"""Surfaces of parts that were never made: any finish, lamp, outline and harmless mark, as logarithms of brightness.

A network that has learned on these which marks matter needs few real defective parts. What is drawn is deliberately
wider than any one camera ever shows (domain randomisation, after Tobin et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
"""Shape (rows, columns), float32: logarithm of brightness, or a share 0..1."""
Size = tuple[int, int]
"""(rows, columns) in pixels."""

_VISIBLE = 0.35


@dataclass(frozen=True)
class Drawing:
    """A surface under even light, and where it ends.

    `level` is the logarithm of its brightness, about 0; `part` is 1 on the part and 0 beside it, where `beside` is
    seen instead; `covered` is the share of each pixel that a defect has.
    """

    level: Field
    part: Field
    beside: Field
    covered: Field

    @property
    def size(self) -> Size:
        """Rows and columns."""
        return self.level.shape[0], self.level.shape[1]

    def seen(self) -> Field:
        """Return the logarithm of brightness of part and surroundings."""
        return np.asarray(self.level * self.part + self.beside * (1 - self.part), np.float32)

    def mask(self) -> npt.NDArray[np.uint8]:
        """Return 1 where a defect can be seen."""
        return np.asarray(self.covered > _VISIBLE, np.uint8)


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between both."""
    return float(rng.uniform(low, high))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number between both, small ones as often as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def blotches(rng: np.random.Generator, size: Size, tall: float, wide: float) -> Field:
    """Return smooth noise of mean 0 and deviation about 1 whose blotches are `tall` and `wide` pixels large."""
    coarse = (int(size[0] / tall) + 3, int(size[1] / wide) + 3)
    grid = rng.standard_normal(coarse, np.float32)
    field = cv2.resize(grid, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field * np.float32(1.3), np.float32)


def finish(rng: np.random.Generator, size: Size) -> Field:
    """Return the texture of one way of finishing: ground along a direction, turned around a centre, or cast."""
    draw = rng.random()
    if draw < 0.65:
        return _ground(rng, size)
    return _turned(rng, size) if draw < 0.8 else _cast(rng, size)


def _ground(rng: np.random.Generator, size: Size) -> Field:
    """Marks along one direction, mostly that of a side of the picture: broad ones, fine ones, and bright streaks."""
    across = rng.random() < 0.4
    rows, columns = (size[1], size[0]) if across else size
    length = log_uniform(rng, 0.15, 3.0) * rows
    field = blotches(rng, (rows, columns), length, log_uniform(rng, 1.0, 3.0))
    field += uniform(rng, 0.0, 1.5) * blotches(rng, (rows, columns), length * 2, log_uniform(rng, 3.0, 15.0))
    streaks = np.maximum(blotches(rng, (rows, columns), length, log_uniform(rng, 1.0, 5.0)) - uniform(rng, 1.0, 2.2), 0)
    field += uniform(rng, 0.0, 3.0) * streaks * (1 + 0.7 * rng.standard_normal((rows, columns), np.float32))
    field *= np.clip(1 + uniform(rng, 0.0, 0.4) * blotches(rng, (rows, columns), rows / 3, columns / 4), 0.1, 3)
    field += uniform(rng, 0.0, 1.2) * blotches(rng, (rows, columns), *rng.uniform(1.0, 2.5, 2))
    field = _tilted(np.asarray(field * log_uniform(rng, 0.03, 0.14), np.float32), rng)
    return np.ascontiguousarray(field.T) if across else field


def _tilted(field: Field, rng: np.random.Generator) -> Field:
    rows, columns = field.shape
    angle = rng.normal(0, 3) if rng.random() < 0.85 else rng.uniform(-90, 90)
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(angle), 1.0)
    return np.asarray(cv2.warpAffine(field, matrix, (columns, rows), borderMode=cv2.BORDER_REFLECT), np.float32)


def _turned(rng: np.random.Generator, size: Size) -> Field:
    reach = max(size)
    angle, distance = uniform(rng, 0, 2 * np.pi), uniform(rng, 0.0, 2.5) * reach
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    radius = np.hypot(rows - size[0] / 2 - distance * np.sin(angle), columns - size[1] / 2 - distance * np.cos(angle))
    line = cv2.GaussianBlur(rng.standard_normal((1, 4 * reach), np.float32), (0, 0), log_uniform(rng, 0.6, 3.0))[0]
    marks = np.interp(radius, np.arange(len(line)), line / line.std())
    feed = np.sin(2 * np.pi * radius / uniform(rng, 3, 16)) * uniform(rng, 0, 1.5)
    strength = np.clip(1 + 0.4 * blotches(rng, size, size[0] / 3, size[1] / 3), 0.1, 2)
    return np.asarray((marks + feed) * strength * log_uniform(rng, 0.02, 0.1), np.float32)


def _cast(rng: np.random.Generator, size: Size) -> Field:
    fine, broad = log_uniform(rng, 1.0, 4.0), log_uniform(rng, 6.0, 40.0)
    field = blotches(rng, size, fine, fine) + uniform(rng, 0, 1.5) * blotches(rng, size, broad, broad)
    return np.asarray(field * log_uniform(rng, 0.02, 0.12), np.float32)


def light(rng: np.random.Generator, size: Size) -> Field:
    """Return the light over the picture: level, slope, blotches of reflection, a side that lies in the shade."""
    y, x = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None], np.linspace(-1, 1, size[1], dtype=np.float32)
    angle, slope = uniform(rng, 0, 2 * np.pi), uniform(rng, 0, 0.45)
    field = slope * (np.cos(angle) * x + np.sin(angle) * y) - uniform(rng, 0, 0.3) * (x**2 + y**2)
    field = field + uniform(rng, 0.0, 0.22) * blotches(rng, size, size[0] / 2, size[1] / 2)
    if rng.random() < 0.4:
        field = field - uniform(rng, 0.3, 1.2) * np.clip((x * rng.choice([-1, 1]) - uniform(rng, 0.4, 0.95)) * 3, 0, 1)
    return np.asarray(np.log(log_uniform(rng, 45, 170)) + field, np.float32)


def surface(rng: np.random.Generator, size: Size) -> Drawing:
    """Return a good part's surface: a finish, some harmless marks, and mostly an end on some sides of the picture."""
    part = np.ones(size, np.float32)
    if rng.random() < 0.65:
        for side in range(4):
            if rng.random() < 0.5:
                part = np.minimum(part, _side(rng, size, side))
    beside = np.float32(-uniform(rng, 0.7, 2.5)) + 0.15 * blotches(rng, size, size[0] / 6, size[1] / 6)
    level = finish(rng, size) + _rim(rng, part) + _marks(rng, size)
    return Drawing(level, part, np.asarray(beside, np.float32), np.zeros(size, np.float32))


def _side(rng: np.random.Generator, size: Size, side: int) -> Field:
    along, depth = (size[1], size[0]) if side < 2 else size
    position = uniform(rng, -0.01, 0.06) * depth + uniform(rng, -0.02, 0.02) * np.linspace(-depth, depth, along)
    position = position + uniform(rng, 0, 0.004) * depth * blotches(rng, (1, along), 1, along / 6)[0]
    if rng.random() < 0.3:
        corner = np.minimum(np.arange(along), np.arange(along)[::-1]) / along
        position = position + uniform(rng, 0, 0.08) * depth * np.exp(-corner / uniform(rng, 0.01, 0.06))
    inside = np.clip(np.arange(depth)[:, None] - position[None, :] + 0.5, 0, 1).astype(np.float32)
    field = inside if side in (0, 2) else inside[::-1]
    return np.ascontiguousarray(field if side < 2 else field.T)


def _rim(rng: np.random.Generator, part: Field) -> Field:
    """Return how the last pixels before the part's end are brighter or darker: a chamfer or a burr."""
    inside = np.asarray(part > 0.5, np.uint8)
    if inside.all() or rng.random() < 0.3:
        return np.zeros(part.shape, np.float32)
    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    far = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    width = log_uniform(rng, 1.5, 0.06 * max(inside.shape))
    strip = np.clip(1 - np.maximum(far - width, 0) / 1.5, 0, 1) * inside
    return np.asarray(uniform(rng, -0.6, 0.8) * strip, np.float32)


def _marks(rng: np.random.Generator, size: Size) -> Field:
    """Return marks that every good part may bear: hairs, smudges, specks."""
    field = np.zeros(size, np.float32)
    for _ in range(int(rng.poisson(1.5))):
        field += _hair(rng, size)
    for _ in range(int(rng.poisson(0.8))):
        field += _smudge(rng, size)
    for _ in range(int(rng.poisson(3))):
        row, column = rng.integers(0, size[0]), rng.integers(0, size[1])
        field[row : row + 2, column : column + int(rng.integers(1, 3))] += np.float32(uniform(rng, -0.25, 0.2))
    return field


def _hair(rng: np.random.Generator, size: Size) -> Field:
    steps = int(rng.integers(4, 12))
    heading = uniform(rng, 0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, steps))
    length = uniform(rng, 0.01, 0.05) * max(size)
    points = np.asarray([rng.uniform(0, size[1]), rng.uniform(0, size[0])]) + np.cumsum(
        length * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0
    )
    line = np.zeros(size, np.uint8)
    cv2.polylines(line, [np.rint(points * 16).astype(np.int32)], False, (255,), 1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(line.astype(np.float32) / 255, (0, 0), uniform(rng, 0.5, 1.5))
    return np.asarray(uniform(rng, -0.3, 0.1) * soft, np.float32)


def _smudge(rng: np.random.Generator, size: Size) -> Field:
    field = np.zeros(size, np.float32)
    radius = log_uniform(rng, 0.02, 0.15) * max(size)
    centre = (round(rng.uniform(0, size[1])), round(rng.uniform(0, size[0])))
    axes = (round(radius) + 1, round(radius * uniform(rng, 0.3, 1)) + 1)
    cv2.ellipse(field, centre, axes, uniform(rng, 0, 180), 0, 360, (1.0,), -1)
    soft = cv2.GaussianBlur(field, (0, 0), radius * uniform(rng, 0.4, 0.8))
    return np.asarray(uniform(rng, -0.35, 0.15) * soft * (1 + 0.3 * blotches(rng, size, 6, 6)), np.float32)
