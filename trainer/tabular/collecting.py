"""The usable rows of several files as one table, each with its place; the others with what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import check_bad
from trainer.tabular.files import tables_in
from trainer.tabular.identity import row_names
from trainer.tabular.read import BadRow, Rows, Wanted, join, origins, rows_in
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
    listed: Sequence[Mapping[str, Any]],
    places: Sequence[str],
    table: Mapping[str, Any],
    progress: Callable[[str, float], None],
) -> list[Rows]:
    """Read the files of a listing (`trainer.data.table_source`) from the places, in its order.

    `table` are the settings of the table. A file that came since, such as the next lot's, waits for the next run.
    Raises as `rows_in`, and Rejected where a listed content is no longer there.
    """
    waiting = Counter((row["format"], row["sha256"]) for row in listed)
    files: list[Rows] = []
    troubles = []
    for file in tables_in([Path(place) for place in places]):
        progress(f"reading {file.name}", len(files) / (len(listed) + 1))
        try:
            data = file.path.read_bytes()
        except OSError as error:
            troubles.append(f"{file.name} cannot be read ({error.strerror})")
            continue
        content = file.format, (sha256 := digest_bytes(data))
        if waiting[content]:
            waiting[content] -= 1
            files.append(rows_in(data, sha256, file, table["delimiter"], wanted_by(table)))
        else:
            troubles.append(f"{file.name} changed while the pipeline ran")
    if len(files) < len(listed):
        trouble = (*troubles, "a file went while the pipeline ran")[0]
        raise Rejected(f"{trouble}; run again when nobody writes to the data")
    return sorted(files, key=lambda rows: rows.sha256)


def wanted_by(table: Mapping[str, Any]) -> Wanted:
    """Return what says whether the settings of a table look at a column."""
    unread = {*table["ignore"], table["time"]}
    return lambda column: column not in unread


def collected(files: list[Rows], layout_for: Callable[[Mapping[str, Any]], Layout], max_bad: float) -> Collected:
    """Join the files' rows and give every column its kind; `layout_for` makes a layout for the columns there are.

    Raises Rejected as `join` and `typed`, where more than the share `max_bad` of all rows is bad, or none is usable.
    """
    rows = join(files)
    layout = layout_for(rows.columns)
    found = typed(rows.columns, layout)
    origin = origins(files)
    bad = [*rows.bad, *(BadRow(*origin(row), reason) for row, reason in sorted(found.problems.items()))]
    usable = np.asarray([row for row in range(len(rows.lines)) if row not in found.problems], np.int64)
    check_bad([vars(row) for row in bad], len(rows.lines) + len(rows.bad), max_bad, len(usable), "rows")
    remarks = [*found.remarks, *_without_rows(files)]
    return Collected(chosen_rows(_placed(found, rows, layout, files), usable), rows.columns, usable, bad, remarks)


def _without_rows(files: Sequence[Rows]) -> list[str]:
    """Say which files have a first line and no row below it."""
    return [f"{file.name} has no row" for file in files if file.columns and not len(file.lines) and not file.bad]


def _placed(found: Typed, rows: Rows, layout: Layout, files: list[Rows]) -> Typed:
    """Add where each row stands; without a column for the part, each row is one."""
    names = [f"{file.name}:{line}" for file in files for line in file.lines.tolist()]
    place = np.asarray(names or [""][:0], object)
    parts = found.texts[PART] if layout.part else row_names(rows.columns, layout)
    return Typed(found.numbers, {**found.texts, PART: parts, ROW: place}, {}, found.remarks)
