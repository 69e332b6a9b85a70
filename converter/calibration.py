"""Which calibration pictures may be used for integer variants. TensorFlow says nothing about bad ones, so this does.

Rules on values only. Each finding has a code, and says what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.pictures import Item

MIN_PICTURES = 100
MAX_PICTURES = 100
_SMALLEST_MAXIMUM = 1.0
_PIECE = 64


@dataclass(frozen=True)
class Finding:
    """Something wrong with the calibration set; `forcible` = a person may decide to go on regardless."""

    code: str
    text: str
    forcible: bool = False

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def lint(
    items: Sequence[Item], pictures: npt.NDArray[Any], labels: Sequence[str], rescaling: bool | None
) -> list[Finding]:
    """Return what speaks against quantising with these pictures (N, height, width, channels), worst first.

    `rescaling` says whether the graph rescales 0..255 itself (None = unknown; the contract says it takes 0..255).
    """
    if len(items) == 0:
        return [Finding("EMPTY_CALIBRATION", "no calibration pictures; integer formats need at least some hundred")]
    broken = not_finite(items, pictures)
    if broken:
        return broken
    return [*range_mismatch(pictures, rescaling), *too_few(items), *missing_labels(items, labels)]


def not_finite(items: Sequence[Item], pictures: npt.NDArray[Any]) -> list[Finding]:
    """Find pictures that hold NaN or infinity."""
    if pictures.dtype.kind != "f":
        return []
    bad = [item.path.name for item, picture in zip(items, pictures, strict=True) if not np.isfinite(picture).all()]
    text = f"{len(bad)} calibration pictures hold NaN or infinity, the first is {bad[0] if bad else ''}; remove them"
    return [Finding("NOT_FINITE", text)] if bad else []


def range_mismatch(pictures: npt.NDArray[Any], rescaling: bool | None) -> list[Finding]:
    """Find values 0..1 (or below 0) where the graph takes grey levels 0..255."""
    pieces = [pictures[first : first + _PIECE] for first in range(0, len(pictures), _PIECE)]
    low, high = min(float(p.min()) for p in pieces), max(float(p.max()) for p in pieces)
    if low >= 0 and high > _SMALLEST_MAXIMUM:
        return []
    why = "the graph holds its own rescaling" if rescaling else "the graph takes grey levels 0..255"
    text = f"calibration values lie in {low:g}..{high:g}, but {why}; give the pictures unscaled"
    return [Finding("RANGE_MISMATCH", text)]


def too_few(items: Sequence[Item]) -> list[Finding]:
    """Find a set too small to know the ranges from."""
    text = f"{len(items)} calibration pictures, at least {MIN_PICTURES} are needed; add some, or use --force"
    return [Finding("TOO_FEW", text, forcible=True)] if len(items) < MIN_PICTURES else []


def missing_labels(items: Sequence[Item], labels: Sequence[str]) -> list[Finding]:
    """Find labels of the recipe of which there is no picture."""
    missing = sorted(set(labels) - {item.label for item in items})
    text = f"no calibration picture of {', '.join(missing)}; add some (and labels.csv), or use --force"
    return [Finding("MISSING_CLASS", text, forcible=True)] if missing else []


def leakage(calibration: Sequence[Item], test: Sequence[Item]) -> Finding | None:
    """Find pictures that are in both sets: what is measured on them means nothing."""
    known = {item.digest for item in calibration}
    both = [item.path.name for item in test if item.digest in known]
    if not both:
        return None
    return Finding("LEAKAGE", f"{len(both)} test pictures are also calibration pictures, such as {both[0]}; part them")


def representative(items: Sequence[Item], most: int = MAX_PICTURES) -> list[int]:
    """Return the places of exactly `most` pictures (all, if there are no more): one of each label, the rest evenly."""
    if len(items) <= most:
        return list(range(len(items)))
    firsts: dict[str | None, int] = {}
    for place, item in enumerate(items):
        firsts.setdefault(item.label, place)
    chosen = set(list(firsts.values())[:most])
    rest = [place for place in range(len(items)) if place not in chosen]
    room = most - len(chosen)
    return sorted(chosen | {rest[len(rest) * k // room] for k in range(room)})
