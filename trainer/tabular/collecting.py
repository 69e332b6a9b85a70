"""The usable rows of several files as one table, each with its place; the others with what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import check_bad
from trainer.tabular.files import TableFile, tables_in
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
    """Read the files of a listing (`trainer.data.table_source`) from the places. Raises as `read_rows`."""
    files = []
    found = _listed_among(tables_in([Path(place) for place in places]), listed)
    for number, (file, row) in enumerate(zip(found, listed, strict=True), 1):
        progress(f"reading {file.name}", number / (len(listed) + 1))
        files.append(read_rows(file.path, file.name, row["sha256"], delimiter))
    return files


def _listed_among(found: list[TableFile], listed: Sequence[Mapping[str, Any]]) -> list[TableFile]:
    """Return the files that were listed; one that came since, such as the next lot's, waits for the next run.

    Raises Rejected where a listed content is no longer there.
    """
    if len(found) == len(listed):
        return found
    left = iter(found)
    chosen = [file for row in listed if (file := next((one for one in left if _is(one, row)), None))]
    if len(chosen) < len(listed):
        raise Rejected("a file changed or went while the pipeline ran; run again when nobody writes to the data")
    return chosen


def _is(file: TableFile, row: Mapping[str, Any]) -> bool:
    return file.place == int(row["place"]) and digest_file(file.path) == str(row["sha256"])


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
