"""Pictures that are nearly the same: copies, recompressed or rescaled ones, one part photographed twice at one place.

Parts of one kind look alike by nature. What all pictures share (fixture, light, shape) is therefore taken away before
two of them are compared: a pair is reported for what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.preprocess import Picture

SIDE = 32
SIMILARITY = 0.92
"""Correlation from which two pictures count as one. Copies (JPEG at quality 60, rescaled, 8 % brighter, noise of 3 grey
levels) mostly reach 0.92 to 0.99; sample parts of different numbers reach 0.64. Of the 58 pairs of magnetic tiles above
it that have different names, the 18 least similar and 6 others were looked at: each shows one tile. At 0.88 different
tiles begin."""
_COARSE, _COARSE_SIMILARITY = 16, 0.90
_SMOOTH = 3.0
_FLAT = 0.5
_ENOUGH_FOR_A_MEAN = 30
_BLOCK = 1024
_MOST = 200_000

Thumbnail = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Alike:
    """Pairs (first, second, similarity) by place, most similar first; `too_many` = the search was given up."""

    pairs: tuple[tuple[int, int, float], ...]
    too_many: bool = False


def thumbnail(picture: Picture) -> Thumbnail:
    """Return the picture (height, width, channels) small and grey: (32, 32) uint8."""
    grey = picture[:, :, 0] if picture.shape[2] == 1 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def find_alike(
    thumbnails: Sequence[Thumbnail], groups: Sequence[str], report: Callable[[float], None] = lambda share: None
) -> Alike:
    """Return all pairs of different groups (parts) that are at least `SIMILARITY` alike; `report` hears the share done.

    A coarse comparison of all with all, by matrix products, finds the candidates; the finer one decides.
    """
    if len(thumbnails) < 2:
        return Alike(())
    number = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    owners = np.asarray([number[name] for name in groups])
    coarse = _described(thumbnails, _COARSE)
    candidates: list[npt.NDArray[np.int64]] = []
    found = 0
    for done, pairs in _close(coarse, owners):
        report(done)
        found += len(pairs)
        if found > _MOST:
            return Alike((), too_many=True)
        candidates.append(pairs)
    both = np.concatenate(candidates) if candidates else np.zeros((0, 2), np.int64)
    fine = _described(thumbnails, SIDE)
    values = np.einsum("ij,ij->i", fine[both[:, 0]], fine[both[:, 1]])
    kept = np.flatnonzero(values >= SIMILARITY)
    ordered = sorted(kept.tolist(), key=lambda k: (-round(float(values[k]), 4), int(both[k, 0]), int(both[k, 1])))
    return Alike(tuple((int(both[k, 0]), int(both[k, 1]), round(float(values[k]), 4)) for k in ordered))


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the group of every name in the pairs, called after its first member: one thing under several names."""
    group: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for first, second in pairs:
        one, other = sorted(group.get(name, name) for name in (first, second))
        if one == other:
            continue
        members[one] = [*members.get(one, [one]), *members.pop(other, [other])]
        group |= dict.fromkeys(members[one], one)
    return group


def _close(
    described: npt.NDArray[np.float32], owners: npt.NDArray[np.int64]
) -> Iterator[tuple[float, npt.NDArray[np.int64]]]:
    """Yield the share done and pairs of places whose coarse descriptions agree, first < second, of different owners."""
    total = len(described)
    for start in range(0, len(described), _BLOCK):
        agree = described[start : start + _BLOCK] @ described[start:].T
        first, second = np.nonzero(agree >= _COARSE_SIMILARITY)
        kept = (first < second) & (owners[start + first] != owners[start + second])
        done = 1 - (max(total - start - _BLOCK, 0) / total) ** 2
        yield done, np.stack([start + first[kept], start + second[kept]], axis=1)


def _described(thumbnails: Sequence[Thumbnail], side: int) -> npt.NDArray[np.float32]:
    """Return unit vectors (n, side * side) of what is fine and a picture's own; zeros for a flat picture."""
    vectors = np.stack([_detail(one, side) for one in thumbnails])
    flat = np.linalg.norm(vectors, axis=1) < _FLAT * side
    if len(vectors) >= _ENOUGH_FOR_A_MEAN:
        vectors -= vectors.mean(axis=0)
    vectors[flat] = 0
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)


def _detail(small: Thumbnail, side: int) -> npt.NDArray[np.float32]:
    values = np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    values = np.asarray(values - cv2.GaussianBlur(values, (0, 0), _SMOOTH), np.float32)
    return np.asarray((values - values.mean()).ravel(), np.float32)
