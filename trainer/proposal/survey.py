"""What a folder of labelled pictures is like: its labels, its parts, the size and colour of its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.contracts.errors import LinesideError, Rejected
from edge_agent.contracts.picture_file import picture_size
from edge_agent.contracts.preprocess import decode
from edge_agent.contracts.recipe import Colour
from trainer.data.manifest import Row, read_tables

_DECODED, _MEASURED = 12, 200
_SAME_GREY = 2.0


@dataclass(frozen=True)
class Survey:
    """What was found.

    `parts` counts parts by label, the good one first (a part is what its worst picture is called); `views` is how many
    pictures a part usually has, `size` the middle (rows, columns) of the pictures, `largest` the most of both.
    """

    parts: dict[str, int]
    pictures: int
    views: int
    size: tuple[int, int]
    colour: Colour
    masks: int
    largest: tuple[int, int]


def survey(folders: Sequence[Path], good: str) -> Survey:
    """Read the tables of all folders, and some of their pictures spread over the whole.

    `good` is the label of good parts, "" = the one whose name says so. Raises Rejected when no picture can be read or
    no label is the good one, and as `read_tables`.
    """
    rows = read_tables(folders).rows
    good = good_label([row.label for row in rows], good)
    sizes = _sizes(folders, _spread(rows, _MEASURED))
    rows_middle, columns_middle = (int(np.median([size[axis] for size in sizes])) for axis in (0, 1))
    largest = (max(rows for rows, _ in sizes), max(columns for _, columns in sizes))
    return Survey(
        parts=_parts(rows, good),
        pictures=len(rows),
        views=Counter(Counter(row.part for row in rows).values()).most_common(1)[0][0],
        size=(rows_middle, columns_middle),
        colour=_colour(folders, _spread(rows, _DECODED)),
        masks=sum(bool(row.mask) for row in rows),
        largest=largest,
    )


GOOD_NAMES = ("ok", "good", "normal", "pass", "passed", "accept", "io", "i.o.", "gut", "none", "no_defect", "free")
"""Labels that people give to good parts; upper and lower case are the same."""


def good_label(labels: Sequence[str], asked: str) -> str:
    """Return which label means a good part. Raises Rejected listing the labels when that is not clear."""
    known = sorted(set(labels))
    if asked:
        if asked in known:
            return asked
        raise Rejected(f"no picture is labelled '{asked}'; found {', '.join(known)}")
    likely = [label for label in known if label.lower() in GOOD_NAMES]
    if len(likely) != 1:
        raise Rejected(f"which label means good? found {', '.join(known)}; name it with --good LABEL")
    return likely[0]


def _parts(rows: Sequence[Row], good: str) -> dict[str, int]:
    labels: dict[str, str] = {}
    for row in rows:
        if labels.get(row.part, good) == good:
            labels[row.part] = row.label
    counts = Counter(labels.values())
    return {good: counts.pop(good, 0), **dict(sorted(counts.items()))}


def _spread(rows: Sequence[Row], count: int) -> Sequence[Row]:
    return rows[:: max(len(rows) // count, 1)]


def _sizes(folders: Sequence[Path], rows: Sequence[Row]) -> list[tuple[int, int]]:
    found = []
    for row in rows:
        try:
            width, height = picture_size((folders[row.folder] / row.image).read_bytes())
        except (OSError, LinesideError):
            continue
        found.append((height, width))
    if not found:
        raise Rejected(f"{folders[0]}: none of {len(rows)} pictures looked at can be read; the first: {rows[0].image}")
    return found


def _colour(folders: Sequence[Path], rows: Sequence[Row]) -> Colour:
    """Return grey where no picture shows any colour."""
    for row in rows:
        try:
            image = decode((folders[row.folder] / row.image).read_bytes(), Colour.RGB).astype(np.int16)
        except (OSError, LinesideError):
            continue
        if float(np.abs(image - image.mean(axis=2, keepdims=True)).mean()) > _SAME_GREY:
            return Colour.RGB
    return Colour.GREY
