"""Invented defects on good pictures, because a line makes few defective parts and a network needs many.

Two ways: a real defect is cut out of its picture and laid into a good one (its kind is known), or one is drawn as on a
drawn surface (its kind is none of the recipe's, only that it is defective is taught). After the ideas of CutPaste (Li
et al. 2021) and DRAEM (Zavrtanik et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from trainer.vision.data import Batch, Pictures
from trainer.vision.flaws import flaw
from trainer.vision.surfaces import Drawing, Field

Image = npt.NDArray[np.float32]
"""Shape (rows, columns, channels), float32, 0..255."""

UNKNOWN_DEFECT = -1
"""Label of a picture that is defective in a way the recipe has no name for."""

_TRANSPLANTED, _DRAWN = 0.15, 0.25
_LARGEST_DONOR = 0.2
_TRIES = 20
_SMOOTH = 0.06
_BESIDE = -1.5


@dataclass(frozen=True)
class Donors:
    """Pictures whose defect is known and small enough to be moved: `places` (n,) among all pictures."""

    places: npt.NDArray[np.int64]

    @classmethod
    def of(cls, pictures: Pictures) -> Donors:
        """Find them among the pictures."""
        share = pictures.masks.mean(axis=(1, 2))
        return cls(np.flatnonzero((pictures.labels != 0) & (share > 0) & (share < _LARGEST_DONOR)))


def invented_batch(
    pictures: Pictures, chosen: npt.NDArray[np.int64], donors: Donors, rng: np.random.Generator
) -> Batch:
    """Return the chosen pictures as a batch in which a part of the good ones was given a defect.

    `images` (n, H, W, C) uint8, `labels` (n,) int32 where UNKNOWN_DEFECT is possible, `masks` (n, H, W) uint8,
    `masked` (n,) float32.
    """
    images, masks = pictures.images[chosen], pictures.masks[chosen]
    labels, masked = pictures.labels[chosen].astype(np.int32), pictures.masked[chosen].astype(np.float32)
    for place in np.flatnonzero(labels == 0):
        draw = rng.random()
        picture = images[place].astype(np.float32)
        if draw < _TRANSPLANTED and len(donors.places):
            donor = int(rng.choice(donors.places))
            picture, mask = _transplant(picture, pictures.images[donor], pictures.masks[donor], rng)
            label = int(pictures.labels[donor])
        elif draw < _TRANSPLANTED + _DRAWN:
            picture, mask = _drawn(picture, rng)
            label = UNKNOWN_DEFECT
        else:
            continue
        if mask.any():
            images[place] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
            masks[place], labels[place] = mask, label
    return {"images": images, "labels": labels, "masks": masks, "masked": masked}


def drawn_into(images: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return good pictures (n, H, W, C), each with a drawn defect that can be seen."""
    found = images.copy()
    for place, image in enumerate(images):
        for _ in range(_TRIES):
            picture, mask = _drawn(image.astype(np.float32), rng)
            if mask.any():
                found[place] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
                break
    return found


def _transplant(
    picture: Image, donor: npt.NDArray[np.uint8], donor_mask: npt.NDArray[np.uint8], rng: np.random.Generator
) -> tuple[Image, npt.NDArray[np.uint8]]:
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
        return picture, np.zeros(mask.shape, np.uint8)
    ratio = (picture[ring].mean() + 1) / (source[ring].mean() + 1)
    soft = _soft(np.asarray(cv2.dilate(np.ascontiguousarray(mask), np.ones((3, 3), np.uint8)), np.float32), 0.8)
    return picture * (1 - soft) + source * ratio * soft, mask.astype(np.uint8)


def _drawn(picture: Image, rng: np.random.Generator) -> tuple[Image, npt.NDArray[np.uint8]]:
    """Draw a defect on the logarithm of brightness, from which the light, all that is smooth, is taken away before."""
    level = np.asarray(np.log(np.maximum(picture.mean(axis=2), 1.0)), np.float32)
    light = np.asarray(cv2.GaussianBlur(level, (0, 0), _SMOOTH * max(level.shape)), np.float32)
    whole, nothing = np.ones(level.shape, np.float32), np.zeros(level.shape, np.float32)
    made = flaw(rng, Drawing(level - light, whole, nothing + np.float32(_BESIDE), nothing))
    return picture * np.exp(made.seen() + light - level)[:, :, None], made.mask()


def _soft(mask: Field, sigma: float) -> Image:
    return _channels(cv2.GaussianBlur(np.ascontiguousarray(mask), (0, 0), sigma))


def _channels(picture: npt.NDArray[np.generic]) -> Image:
    """Give back the channel axis that OpenCV drops."""
    return np.asarray(picture, np.float32).reshape(picture.shape[0], picture.shape[1], -1)
