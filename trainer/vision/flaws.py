"""Defects for surfaces, drawn or real: holes, cracks, scratches, chips, and regions that were finished differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from trainer.vision.surfaces import Drawing, Field, Size, blotches, finish, log_uniform, uniform

Generator = np.random.Generator

_LONG, _SHORT = 8.0, 0.4
"""Standard deviations, in pixels, along and across the tool's marks, that part them from the grain."""


def flaw(rng: Generator, drawing: Drawing) -> Drawing:
    """Give the surface one defect of a random kind."""
    return _KINDS[int(rng.integers(len(_KINDS)))](rng, drawing)


def _hole(rng: Generator, drawing: Drawing) -> Drawing:
    """One to three dark spots side by side, sometimes with a bright rim."""
    size = drawing.size
    covered = np.zeros(size, np.float32)
    x, y, radius = rng.uniform(0, size[1]), rng.uniform(0, size[0]), log_uniform(rng, 1.5, 0.045 * max(size))
    for _ in range(int(rng.integers(1, 4))):
        spot = (x + rng.normal(0, radius), y + rng.normal(0, radius))
        covered = np.maximum(covered, _polygon(rng, size, spot, radius, 12))
    aside = np.concatenate([np.eye(2), rng.integers(-2, 3, (2, 1))], axis=1)
    shifted = cv2.warpAffine(covered, aside, size[::-1])
    bright = np.maximum(shifted - covered, 0) * uniform(rng, 0, 0.7)
    darker = _changed(drawing, covered, -uniform(rng, 0.4, 1.5))
    return replace(darker, level=np.asarray(darker.level + bright, np.float32))


def _crack(rng: Generator, drawing: Drawing) -> Drawing:
    covered = np.zeros(drawing.size, np.float32)
    for _ in range(1 + int(rng.random() < 0.25)):
        covered = np.maximum(covered, _line(rng, drawing.size, 0.35, int(rng.integers(5, 25))))
    return _changed(drawing, covered, -uniform(rng, 0.35, 1.3))


def _scratch(rng: Generator, drawing: Drawing) -> Drawing:
    covered = _line(rng, drawing.size, 0.05, int(rng.integers(3, 14)))
    return _changed(drawing, covered, float(rng.choice([-1, 1])) * uniform(rng, 0.35, 0.9))


def _chip(rng: Generator, drawing: Drawing) -> Drawing:
    """Break a piece off where the part, or the picture, ends: nothing is left there, or a broken face is seen."""
    size = drawing.size
    places = np.argwhere(_ends_of(drawing.part))
    if not len(places):
        return drawing
    row, column = places[int(rng.integers(len(places)))]
    piece = _polygon(rng, size, (float(column), float(row)), log_uniform(rng, 0.015, 0.14) * max(size), 8)
    covered = piece * drawing.part
    if rng.random() < 0.35:
        return replace(drawing, part=drawing.part * (1 - piece), covered=np.maximum(drawing.covered, covered))
    return _replaced(drawing, covered, _broken_faces(rng, size))


def _ends_of(part: Field) -> Field:
    """Return where the part ends, or where the picture cuts it off."""
    ends = np.asarray(cv2.morphologyEx(part, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0.5)
    ends[[0, -1], :] |= part[[0, -1], :] > 0.5
    ends[:, [0, -1]] |= part[:, [0, -1]] > 0.5
    return ends.astype(np.float32)


def _broken_faces(rng: Generator, size: Size) -> Field:
    angle, width = uniform(rng, 0, 2 * np.pi), log_uniform(rng, 4, 30)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) / width + blotches(rng, size, 20, 20))
    level = float(rng.choice([-1, 1], p=[0.75, 0.25])) * uniform(rng, 0.2, 1.0)
    return np.asarray(level + uniform(rng, 0, 0.5) * np.sign(wave) * np.abs(wave) ** 0.3, np.float32)


def _other_finish(rng: Generator, drawing: Drawing) -> Drawing:
    """Finish a region differently: another texture, or the same one deeper or flatter, and another shade."""
    size = drawing.size
    covered = _region(rng, size) * drawing.part
    draw = rng.random()
    if draw < 0.4:
        inside = finish(rng, size)
    elif draw < 0.7:
        inside = drawing.level[::-1] * np.float32(log_uniform(rng, 0.25, 3.0))
    else:
        flatter = rng.random() < 0.5
        inside = drawing.level * np.float32(log_uniform(rng, 0.1, 0.6) if flatter else log_uniform(rng, 1.5, 3.0))
    shade = float(rng.choice([-1, 1], p=[0.55, 0.45])) * uniform(rng, 0.08, 0.6)
    return _replaced(drawing, covered, inside + np.float32(shade))


def _band(rng: Generator, drawing: Drawing) -> Drawing:
    """Finish a strip, mostly across the tool's marks, differently: marks deeper or flatter, more or less grain."""
    marks, grain, across = _marks_and_grain(drawing.level)
    askew = 0.0 if rng.random() < 0.75 else np.pi / 2
    strip = _strip(rng, drawing.size, across + askew, 0.006)
    covered = np.asarray(cv2.GaussianBlur(strip, (0, 0), uniform(rng, 0.4, 2.0)), np.float32) * drawing.part
    deeper = log_uniform(rng, 1.4, 3.0) if rng.random() < 0.6 else log_uniform(rng, 0.3, 0.7)
    finer = log_uniform(rng, 0.2, 0.6) if rng.random() < 0.6 else log_uniform(rng, 1.2, 2.0)
    inside = marks * deeper + grain * finer
    shade = float(rng.choice([-1, 1], p=[0.4, 0.6])) * log_uniform(rng, 0.06, 0.5)
    return _replaced(drawing, covered, np.asarray(inside + shade, np.float32))


def _marks_and_grain(level: Field) -> tuple[Field, Field, float]:
    """Split a surface into what runs along its rows or columns, whichever is more, and the rest.

    Also returns the direction across these marks, in radians from the rows.
    """
    rows = np.asarray(cv2.GaussianBlur(level, (0, 0), sigmaX=_LONG, sigmaY=_SHORT), np.float32)
    columns = np.asarray(cv2.GaussianBlur(level, (0, 0), sigmaX=_SHORT, sigmaY=_LONG), np.float32)
    down = bool(columns.std() > rows.std())
    marks = columns if down else rows
    return marks, np.asarray(level - marks, np.float32), np.pi / 2 if down else 0.0


def _region(rng: Generator, size: Size) -> Field:
    """Return an ellipse, a ragged patch, or everything beyond a line; its edge sharp or a little soft."""
    draw = rng.random()
    x, y = rng.uniform(0, size[1]), rng.uniform(0, size[0])
    reach = log_uniform(rng, 0.05, 0.35) * max(size)
    if draw < 0.3:
        region = np.zeros(size, np.float32)
        axes = (round(reach), round(reach * uniform(rng, 0.3, 1)) + 1)
        turn = float(rng.choice([0, 90, uniform(rng, 0, 180)]))
        cv2.ellipse(region, (round(x), round(y)), axes, turn, 0, 360, (1.0,), -1)
    elif draw < 0.55:
        region = _polygon(rng, size, (x, y), reach, 10)
    else:
        region = _strip(rng, size, uniform(rng, 0, np.pi), 0.02)
    return np.asarray(cv2.GaussianBlur(region, (0, 0), uniform(rng, 0.4, 3.0)), np.float32)


def _strip(rng: Generator, size: Size, direction: float, waves: float) -> Field:
    """Return 1 in a strip that lies across `direction` (radians from the rows), mostly up to the picture's border."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    angle = direction + float(rng.choice(2)) * np.pi + rng.normal(0, 0.12)
    far = (columns / size[1] - 0.5) * np.cos(angle) + (rows / size[0] - 0.5) * np.sin(angle)
    far = far + waves * blotches(rng, size, size[0] / 5, size[1] / 5)
    begin = uniform(rng, 0.0, 0.45)
    return np.asarray((far > begin) & (far < begin + uniform(rng, 0.08, 0.8)), np.float32)


def _line(rng: Generator, size: Size, bend: float, steps: int) -> Field:
    heading = uniform(rng, 0, 2 * np.pi) + np.cumsum(rng.normal(0, bend, steps)) * 0.6 + rng.normal(0, bend, steps)
    length = uniform(rng, 0.015, 0.05) * max(size)
    moves = length * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    points = np.asarray([rng.uniform(0, size[1]), rng.uniform(0, size[0])]) + np.cumsum(moves, axis=0)
    line = np.zeros(size, np.uint8)
    cv2.polylines(line, [np.rint(points * 16).astype(np.int32)], False, (255,), int(rng.integers(1, 4)), cv2.LINE_AA, 4)
    return np.asarray(line, np.float32) / 255


def _polygon(rng: Generator, size: Size, centre: tuple[float, float], radius: float, corners: int) -> Field:
    """Return a filled polygon around `centre` (x, y) whose corners lie unevenly at about `radius`."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    stretch = np.asarray([uniform(rng, 0.6, 1.5), 1.0])
    reach = radius * rng.uniform(0.55, 1.1, corners)[:, None]
    points = np.asarray(centre) + reach * stretch * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    region = np.zeros(size, np.uint8)
    cv2.fillPoly(region, [np.rint(points * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    return np.asarray(region, np.float32) / 255


def _changed(drawing: Drawing, covered: Field, change: float) -> Drawing:
    """Darken or brighten what is covered; little of the texture is left there."""
    return _replaced(drawing, covered, 0.3 * drawing.level + np.float32(change))


def _replaced(drawing: Drawing, covered: Field, inside: Field) -> Drawing:
    level = np.asarray(drawing.level * (1 - covered) + inside * covered, np.float32)
    return replace(drawing, level=level, covered=np.maximum(drawing.covered, covered))


_KINDS: tuple[Callable[[Generator, Drawing], Drawing], ...] = (
    _hole,
    _crack,
    _scratch,
    _chip,
    _other_finish,
    _band,
)
