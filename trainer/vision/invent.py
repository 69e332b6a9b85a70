"""Invented defects on good pictures, because a line makes few defective parts and a network needs many.

Two ways: a real defect is cut out of its picture and laid into a good one (its kind is known), or something is drawn
that no good part has: a spot, a crack, a bite out of the edge, a region or a band of another brightness or texture
(its kind is none of the recipe's, only that it is defective is taught). After the ideas of CutPaste (Li et al. 2021)
and DRAEM (Zavrtanik et al. 2021).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from trainer.vision.data import Batch, Pictures

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.float32]

UNKNOWN_DEFECT = -1
"""Label of a picture that is defective in a way the recipe has no name for."""

_TRANSPLANTED, _DRAWN = 0.15, 0.25
_LARGEST_DONOR = 0.2
_BAND = (0.02, 0.7)
"""Smallest and largest share of the picture that an unevenly finished band covers."""


def invented_batch(pictures: Pictures, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> Batch:
    """Return the chosen pictures as a batch in which a part of the good ones was given a defect.

    `images` (n, H, W, C) uint8, `labels` (n,) int32 where UNKNOWN_DEFECT is possible, `masks` (n, H, W) uint8,
    `masked` (n,) float32.
    """
    images, masks = pictures.images[chosen], pictures.masks[chosen]
    labels, masked = pictures.labels[chosen].astype(np.int32), pictures.masked[chosen].astype(np.float32)
    donors = _donors(pictures)
    for place in np.flatnonzero(labels == 0):
        draw = rng.random()
        picture = images[place].astype(np.float32)
        if draw < _TRANSPLANTED and len(donors):
            donor = int(rng.choice(donors))
            picture, mask = _transplant(picture, pictures.images[donor], pictures.masks[donor], rng)
            label = int(pictures.labels[donor])
        elif draw < _TRANSPLANTED + _DRAWN:
            other = pictures.images[int(rng.integers(len(pictures)))].astype(np.float32)
            painter = _PAINTERS[int(rng.integers(len(_PAINTERS)))]
            picture, mask = painter(picture, other, rng)
            label = UNKNOWN_DEFECT
        else:
            continue
        if mask.sum() >= 1:
            images[place] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
            masks[place], labels[place] = (mask > 0).astype(np.uint8), label
    return {"images": images, "labels": labels, "masks": masks, "masked": masked}


def _donors(pictures: Pictures) -> npt.NDArray[np.int64]:
    """Return the places of pictures whose defect is known and small enough to be moved."""
    share = pictures.masks.mean(axis=(1, 2))
    return np.flatnonzero((pictures.labels != 0) & (share > 0) & (share < _LARGEST_DONOR))


def _transplant(
    picture: Image, donor: npt.NDArray[np.uint8], donor_mask: npt.NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Lay the donor's defect into the picture, in place or moved, its surroundings matched in brightness."""
    source, mask = donor.astype(np.float32), donor_mask.astype(np.float32)
    rows, columns = mask.shape
    if rng.random() < 0.5:
        source, mask = source[:, ::-1], mask[:, ::-1]
    if rng.random() < 0.5:
        source, mask = source[::-1], mask[::-1]
    if rng.random() < 0.7:
        reach = np.asarray([columns, rows]) * rng.uniform(-0.3, 0.3, 2)
        matrix = np.asarray([[1, 0, reach[0]], [0, 1, reach[1]]], np.float32)
        source = _channels(cv2.warpAffine(source, matrix, (columns, rows), borderMode=cv2.BORDER_REFLECT))
        mask = np.asarray(cv2.warpAffine(np.ascontiguousarray(mask), matrix, (columns, rows)) > 0.5, np.float32)
    around = cv2.dilate(np.ascontiguousarray(mask), np.ones((7, 7), np.uint8))
    ring = (around - mask) > 0.5
    if not ring.any():
        return picture, np.zeros_like(mask)
    ratio = (picture[ring].mean() + 1) / (source[ring].mean() + 1)
    soft = _soft(np.asarray(cv2.dilate(np.ascontiguousarray(mask), np.ones((3, 3), np.uint8)), np.float32), 0.8)
    return picture * (1 - soft) + source * ratio * soft, mask


def _spot(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    rows, columns = picture.shape[:2]
    mask = np.zeros((rows, columns), np.float32)
    x, y = rng.uniform(0.03, 0.97) * columns, rng.uniform(0.03, 0.97) * rows
    radius = float(np.exp(rng.uniform(np.log(1.2), np.log(0.1 * min(rows, columns)))))
    for _ in range(int(rng.integers(1, 4))):
        centre = (round(x + rng.normal(0, radius)), round(y + rng.normal(0, radius)))
        axes = (max(round(radius * rng.uniform(0.6, 1.3)), 1), max(round(radius * rng.uniform(0.5, 1.0)), 1))
        cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, (1.0,), -1)
    return _shaded(picture, mask, rng, strong=True), mask


def _crack(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    rows, columns = picture.shape[:2]
    steps = int(rng.integers(4, 16))
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, steps))
    length = rng.uniform(0.02, 0.06) * max(rows, columns)
    start = np.asarray([rng.uniform(0, columns), rng.uniform(0, rows)])
    points = start + np.cumsum(length * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    line = np.zeros((rows, columns), np.uint8)
    cv2.polylines(line, [np.rint(points * 16).astype(np.int32)], False, (255,), int(rng.integers(1, 3)), cv2.LINE_AA, 4)
    strength = line.astype(np.float32) / 255
    return _shaded(picture, strength, rng, strong=True, edge=0.0), (strength > 0.4).astype(np.float32)


def _bite(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Break something off the edge: a ragged dark region that touches the border."""
    rows, columns = picture.shape[:2]
    along = rng.uniform(0, 1)
    side = int(rng.integers(4))
    x, y = [(along, 0.0), (along, 1.0), (0.0, along), (1.0, along)][side]
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radius = rng.uniform(0.03, 0.16) * max(rows, columns) * rng.uniform(0.4, 1.0, 9)
    points = np.stack([x * columns + radius * np.cos(angles), y * rows + radius * np.sin(angles)], axis=1)
    mask = np.zeros((rows, columns), np.float32)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (1.0,))
    return _shaded(picture, mask, rng, strong=True), mask


def _region(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    mask = _ragged(picture.shape[0], picture.shape[1], rng)
    return _shaded(picture, mask, rng, strong=False), mask


def _foreign(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Lay a region of another picture, turned over, into this one at about the same brightness."""
    mask = _ragged(picture.shape[0], picture.shape[1], rng)
    inside = mask > 0
    if not inside.any():
        return picture, mask
    turned = other[::-1] if rng.random() < 0.5 else other[:, ::-1]
    ratio = (picture[inside].mean() + 1) / (turned[inside].mean() + 1) * np.exp(rng.normal(0, 0.12))
    soft = _soft(mask, rng.uniform(0.4, 1.5))
    return picture * (1 - soft) + turned * np.float32(ratio) * soft, mask


def _band(picture: Image, other: Image, rng: np.random.Generator) -> tuple[Image, Mask]:
    """Finish a band across the picture differently: another brightness and depth of texture up to a clear line."""
    rows, columns = picture.shape[:2]
    mask = np.zeros((rows, columns), np.float32)
    begin, tilt = rng.uniform(-0.3, 0.95), rng.uniform(-0.15, 0.15, 2)
    end = begin + rng.uniform(0.12, 0.7)
    across = np.linspace(-0.05, 1.05, 4)
    lines = [start + slope * across + rng.normal(0, 0.02, 4) for start, slope in ((begin, tilt[0]), (end, tilt[1]))]
    points = np.concatenate([np.stack([across, lines[0]], axis=1), np.stack([across, lines[1]], axis=1)[::-1]])
    if rng.random() < 0.3:
        points = points[:, ::-1]
    cv2.fillPoly(mask, [np.rint(points * [columns, rows]).astype(np.int32)], (1.0,))
    if not _BAND[0] < mask.mean() < _BAND[1]:
        return picture, np.zeros_like(mask)
    smooth = _soft(picture, 0.03 * rows)
    gain = np.exp(rng.choice([-1, 1], p=[0.35, 0.65]) * rng.uniform(0.1, 0.4))
    depth = np.exp(rng.uniform(-0.5, 0.7))
    finished = np.float32(gain) * (smooth + (picture - smooth) * np.float32(depth))
    soft = _soft(mask, rng.uniform(0.5, 2.0))
    return picture * (1 - soft) + finished * soft, mask


def _ragged(rows: int, columns: int, rng: np.random.Generator) -> Mask:
    """Return one connected region with an uneven outline, 0.5 to 25 % of the picture."""
    corners = int(rng.integers(4, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = np.exp(rng.uniform(np.log(0.06), np.log(0.45))) * np.asarray([columns, rows])
    centre = rng.uniform(0, 1, 2) * np.asarray([columns, rows])
    radius = rng.uniform(0.5, 1.0, corners)[:, None]
    points = centre + radius * reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((rows, columns), np.float32)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (1.0,))
    return mask


def _shaded(picture: Image, mask: Mask, rng: np.random.Generator, strong: bool, edge: float = 0.7) -> Image:
    """Make what the mask covers darker (mostly) or brighter, with a slightly soft edge."""
    depth = rng.uniform(0.25, 0.8) if strong else rng.uniform(0.12, 0.4)
    factor = 1 - depth if rng.random() < (0.8 if strong else 0.5) else 1 + depth
    soft = _soft(mask, edge * rng.uniform(0.5, 1.5)) if edge > 0 else mask[:, :, None]
    return np.asarray(picture * (1 + (np.float32(factor) - 1) * soft), np.float32)


def _soft(mask: Mask, sigma: float) -> Image:
    return _channels(cv2.GaussianBlur(np.ascontiguousarray(mask), (0, 0), sigma))


def _channels(picture: npt.NDArray[np.generic]) -> Image:
    """Give back the channel axis that OpenCV drops."""
    return np.asarray(picture, np.float32).reshape(picture.shape[0], picture.shape[1], -1)


_PAINTERS: tuple[Callable[[Image, Image, np.random.Generator], tuple[Image, Mask]], ...] = (
    _spot,
    _crack,
    _bite,
    _region,
    _foreign,
    _band,
)
