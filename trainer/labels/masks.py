"""Masks as other tools write them: COCO's run lengths and polygons, Label Studio's brush. Rules only.

A mask is (H, W) uint8, 1 = defect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected

Mask = npt.NDArray[np.uint8]
_SIZES = (3, 4, 8, 16)
_WORD = 8
_MOST_PIXELS = 100_000_000
_LONGEST_RUN = 60
_FAR = 10


def run_lengths(mask: Mask) -> list[int]:
    """Return COCO's uncompressed run lengths: column by column, the first run is of zeros."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.r_[0, edges, len(flat)]).tolist()
    return [0, *runs] if len(flat) and flat[0] else [int(run) for run in runs]


def from_run_lengths(counts: Sequence[int], height: int, width: int) -> Mask:
    """Return the mask of such run lengths. Raises Rejected where they do not fill the picture."""
    given = list(counts)
    if any(isinstance(run, bool) or not isinstance(run, int) or run < 0 for run in given):
        raise Rejected("run lengths that are no whole numbers from 0 on")
    if sum(given) != height * width:
        raise Rejected(f"run lengths of {sum(given)} pixels for a picture of {width} x {height}")
    runs = np.asarray(given, np.int64)
    values = np.arange(len(runs)) % 2
    return np.repeat(values, runs).astype(np.uint8).reshape((height, width), order="F")


def from_compressed(text: str, height: int, width: int) -> Mask:
    """Return the mask of COCO's compressed run lengths: base-32 digits, differences to the run two before."""
    counts: list[int] = []
    number, shift = 0, 0
    for byte in text.encode("ascii", "replace"):
        digit = byte - 48
        if not 0 <= digit < 64:
            raise Rejected(f"'{chr(byte)}' in compressed run lengths")
        number |= (digit & 31) << shift
        shift += 5
        if shift > _LONGEST_RUN:
            raise Rejected("a run length without end in compressed run lengths")
        if digit & 32:
            continue
        if digit & 16:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number, shift = 0, 0
    return from_run_lengths(counts, height, width)


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> Mask:
    """Return the mask of polygons [x, y, x, y, …] in pixels. Raises Rejected for one of fewer than three points."""
    mask = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        if len(points) < 6 or len(points) % 2 or not np.isfinite(points).all():
            raise Rejected(f"a polygon of {len(points)} numbers; at least three points x, y are needed")
        if np.abs(points).max() > _FAR * max(height, width):
            raise Rejected(f"a polygon far outside the picture of {width} x {height}")
        cv2.fillPoly(mask, [np.round(points.reshape(-1, 2)).astype(np.int32)], (1,))
    return mask


def box_of(mask: Mask) -> list[int]:
    """Return [x, y, width, height] of what the mask covers; zeros for nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0]
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1]


def brush(mask: Mask) -> list[int]:
    """Return Label Studio's brush: the RGBA picture of the mask packed as runs of bits, as a list of bytes."""
    values = np.repeat(np.asarray(mask, bool).ravel(), 4)
    bits = [f"{len(values):032b}", f"{_WORD - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    edges = np.r_[0, np.flatnonzero(np.diff(values)) + 1, len(values)]
    for start, end in pairwise(edges.tolist()):
        word = f"{255 if values[start] else 0:08b}"
        bits += [f"1{_length(run)}{word}" for run in _pieces(end - start)]
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _pieces(run: int) -> Iterator[int]:
    most = 1 << _SIZES[-1]
    while run > 0:
        yield min(run, most)
        run -= most


def _length(run: int) -> str:
    place = next(n for n, size in enumerate(_SIZES) if run <= 1 << size)
    return f"{place:02b}{run - 1:0{_SIZES[place]}b}"


def from_brush(data: Sequence[int], height: int, width: int) -> Mask:
    """Return the mask of a Label Studio brush: painted where its alpha is above 127. Raises Rejected."""
    try:
        bits = _Bits(bytes(data))
        count, word = bits.take(32), bits.take(5) + 1
        sizes = [bits.take(4) + 1 for _ in range(4)]
        if count != 4 * height * width or count > 4 * _MOST_PIXELS:
            raise Rejected(f"a brush of {count // 4} pixels for a picture of {width} x {height}")
        values = np.zeros(count, np.uint8)
        place = 0
        while place < count:
            repeated = bits.take(1)
            end = min(place + 1 + bits.take(sizes[bits.take(2)]), count)
            if repeated:
                values[place:end] = bits.take(word)
            else:
                values[place:end] = [bits.take(word) for _ in range(end - place)]
            place = end
    except (ValueError, IndexError, OverflowError) as error:
        raise Rejected(f"a brush that cannot be unpacked ({error})") from error
    return (values[3::4] > 127).astype(np.uint8).reshape(height, width)


class _Bits:
    """Reads numbers of so many bits one after the other; IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)
        self._place = 0

    def take(self, bits: int) -> int:
        end = self._place + bits
        if end > len(self._text):
            raise IndexError("it ends too early")
        value = int(self._text[self._place : end], 2)
        self._place = end
        return value
