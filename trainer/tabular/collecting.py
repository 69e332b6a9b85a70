"""The usable rows of several files as one table, each with its place; the others with what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.data.quarantine import check_bad
from trainer.tabular.read import BadRow, Rows, join, origins, read_rows
from trainer.tabular.values import PART, ROW, Layout, Typed, chosen_rows, typed


@dataclass(frozen=True)
class Collected:
    """`table` has PART and ROW; `usable` are its rows' places in `columns`, the cells as they were read.

    `remarks` say what is odd about columns and files.
    """

    table: Typed
    columns: Mapping[str, Any]
    usable: npt.NDArray[np.int64]
    bad: list[BadRow]
    remarks: list[str]


def read_listed(
    listed: Sequence[Mapping[str, Any]], places: Sequence[str], delimiter: str, progress: Callable[[str, float], None]
) -> list[Rows]:
    """Read the files of a listing (`trainer.data.table_source`). Raises as `read_rows`."""
    files = []
    for number, (file, name) in enumerate(zip(listed, names_of(listed), strict=True), 1):
        progress(f"reading {name}", number / (len(listed) + 1))
        place = Path(places[file["place"]])
        path = place if place.is_file() else place / file["name"]
        files.append(read_rows(path, name, file["sha256"], delimiter))
    return files


def names_of(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what each file is called: where two places have one of the same name, with the number of the place.

    A row is called by its file and line, and without a column for the part that is what it is a part of.
    """
    places: dict[str, set[int]] = {}
    for file in listed:
        places.setdefault(file["name"], set()).add(file["place"])
    return [
        f"{file['place'] + 1}/{file['name']}" if len(places[file["name"]]) > 1 else str(file["name"]) for file in listed
    ]


def collected(files: list[Rows], layout_for: Callable[[Mapping[str, Any]], Layout], max_bad: float) -> Collected:
    """Join the files' rows and give every column its kind; `layout_for` makes a layout for the columns there are.

    Raises Rejected as `join` and `typed`, where more than the share `max_bad` of all rows is bad, or none is usable.
    """
    rows = join(files)
    found = typed(rows.columns, layout_for(rows.columns))
    origin = origins(files)
    bad = [*rows.bad, *(BadRow(*origin(row), reason) for row, reason in sorted(found.problems.items()))]
    usable = np.asarray([row for row in range(len(rows.lines)) if row not in found.problems], np.int64)
    check_bad([vars(row) for row in bad], len(rows.lines) + len(rows.bad), max_bad, len(usable), "rows")
    remarks = [*found.remarks, *_without_rows(files)]
    return Collected(chosen_rows(_placed(found, files), usable), rows.columns, usable, bad, remarks)


def _without_rows(files: Sequence[Rows]) -> list[str]:
    """Say which files have a first line and no row below it."""
    return [f"{file.name} has no row" for file in files if file.columns and not len(file.lines) and not file.bad]


def _placed(found: Typed, files: list[Rows]) -> Typed:
    """Add where each row stands; without a column for the part, that is what the row is a part of."""
    names = [f"{file.name}:{line}" for file in files for line in file.lines.tolist()]
    place = np.asarray(names or [""][:0], object)
    return Typed(found.numbers, {**found.texts, PART: found.texts.get(PART, place), ROW: place}, {}, found.remarks)
