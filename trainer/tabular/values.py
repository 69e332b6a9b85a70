"""What the cells of a table are: numbers or texts, which rows cannot be used and why. Rules on values, without I/O.

A column whose cells mostly are numbers is one of numbers: its other cells are mistakes, and their rows are set aside.
It never turns into a column of texts in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.row import LARGEST, MISSING, NUMBER
from trainer.data import wire
from trainer.data.manifest import SPLITS
from trainer.tabular.suspicions import COMMA, remark_on, with_commas

LABEL, PART, ROW = "label", wire.PART, wire.PLACE
"""Names under which label, part and place of a row lie in the examples."""
_MOSTLY = 0.5
_SHOWN = 10
Cells = list[str] | npt.NDArray[np.float64]
KindName = Literal["number", "text"]


@dataclass(frozen=True)
class Layout:
    """What each column is, as the settings say; see `TableSettings`."""

    label: str
    part: str
    time: str
    split: str
    slices: tuple[str, ...]
    ignore: tuple[str, ...]
    kinds: Mapping[str, KindName]

    def check(self, columns: Sequence[str]) -> None:
        """Raise Rejected for a column that the settings name and the table does not have, naming the nearest."""
        named = (self.label, self.part, self.time, self.split, *self.slices, *self.ignore, *self.kinds)
        for name in named:
            if name and name not in columns:
                near = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"found {', '.join(list(columns)[:_SHOWN])}"
                raise Rejected(f"column '{name}' is missing; {hint} (settings pipeline.table)")
        if LABEL in self.features(columns):
            raise ConfigError(f"'{self.label}' is the label, so another column cannot be called '{LABEL}'; ignore it")

    def features(self, columns: Sequence[str]) -> list[str]:
        """Return the model's inputs: every column that the settings give no other role."""
        taken = {self.label, self.part, self.time, self.split, *self.slices, *self.ignore}
        return [name for name in columns if name not in taken]


@dataclass(frozen=True)
class Typed:
    """A table with kinds: `numbers` (n,) float32 with NaN, `texts` (n,) with "" for what is missing.

    `problems` maps the place of a row to what is wrong with it; `remarks` say which columns are left out or are odd.
    """

    numbers: dict[str, npt.NDArray[np.float32]]
    texts: dict[str, npt.NDArray[np.object_]]
    problems: dict[int, str]
    remarks: list[str]


def typed(columns: Mapping[str, Cells], layout: Layout) -> Typed:
    """Give every column its kind. Raises as `Layout.check`; a column without any value is left out, and it is said."""
    layout.check(list(columns))
    found = Typed({}, {}, {}, [])
    for name in layout.features(list(columns)):
        numbers, usable = as_numbers(columns[name])
        given = ~(usable & np.isnan(numbers))
        if not given.any():
            found.remarks.append(f"column '{name}' is empty in every row and is left out")
            continue
        kind, remark = _kind(name, columns[name], float((usable & given).sum() / given.sum()), layout)
        found.remarks.extend([remark] if remark else [])
        if kind == "text":
            found.texts[name] = as_texts(columns[name])
            continue
        found.numbers[name] = numbers
        for row in np.flatnonzero(~usable):
            found.problems.setdefault(int(row), _no_number(name, columns[name][row]))
    for name, column in ((LABEL, layout.label), (PART, layout.part)):
        if column:
            found.texts[name] = as_texts(columns[column])
            for row in np.flatnonzero(found.texts[name] == ""):
                found.problems.setdefault(int(row), f"column '{column}' is empty")
    for row, wish in enumerate(as_texts(columns[layout.split]) if layout.split else ()):
        if wish and wish not in SPLITS:
            expected = ", ".join(SPLITS)
            found.problems.setdefault(row, f"column '{layout.split}' is '{wish}', expected one of {expected}")
    for name in layout.slices:
        found.texts[name] = as_texts(columns[name])
    return found


def _kind(name: str, cells: Cells, numbers: float, layout: Layout) -> tuple[KindName, str]:
    """Return what a column is, of whose given cells the share `numbers` is such, and what is to be said of it."""
    if name in layout.kinds:
        return layout.kinds[name], ""
    if numbers >= _MOSTLY or isinstance(cells, np.ndarray):
        return "number", ""
    given = sum(cell.strip() not in MISSING for cell in cells)
    if numbers + with_commas(cells) / given >= _MOSTLY:
        return "number", ""
    return "text", remark_on(name, cells, numbers)


def _no_number(column: str, cell: object) -> str:
    """Say what stands in place of a number."""
    comma = isinstance(cell, str) and COMMA.fullmatch(cell.strip())
    return f"column '{column}' is {cell!r:.60}, expected a number{' with a decimal point' if comma else ''}"


def as_numbers(cells: Cells) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the cells as float32, NaN where nothing is said or it is no finite number, and which cells are usable."""
    values, usable = (cells, np.ones(len(cells), bool)) if isinstance(cells, np.ndarray) else _parsed(cells)
    usable = usable & ~(np.abs(np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)) > LARGEST)
    return np.where(usable, values, np.nan).astype(np.float32), usable


def _parsed(cells: list[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(pa.array(cells, pa.string()))
    missing = np.asarray(pc.is_in(trimmed, pa.array(MISSING)))
    looks = np.asarray(pc.match_substring_regex(trimmed, NUMBER))
    only = pc.if_else(pa.array(looks & ~missing), trimmed, pa.scalar(None, pa.string()))
    try:
        values = np.asarray(pc.fill_null(only.cast(pa.float64()), np.nan), np.float64)
    except pa.ArrowInvalid:  # a number beyond float64, such as 1e400
        values = np.asarray([np.nan if cell is None else float(cell) for cell in only.to_pylist()], np.float64)
    return values, looks | missing


def spelled(cells: Cells) -> list[str]:
    """Return the cells as they would stand in a file of texts, "" for a missing number."""
    if not isinstance(cells, np.ndarray):
        return cells
    return ["" if np.isnan(value) else repr(float(value)) for value in cells]


def as_texts(cells: Cells) -> npt.NDArray[np.object_]:
    """Return the cells as texts without white space around them, "" where nothing is said; whole numbers plainly."""
    if isinstance(cells, np.ndarray):
        plain = ["" if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in cells]
        return np.asarray(plain, object)
    known = {cell: "" if cell.strip() in MISSING else cell.strip() for cell in set(cells)}
    return np.asarray([known[cell] for cell in cells] or [""][:0], object)


def chosen_rows(found: Typed, rows: npt.NDArray[np.int64]) -> Typed:
    """Return the table of these rows alone."""
    numbers = {name: values[rows] for name, values in found.numbers.items()}
    return Typed(numbers, {name: values[rows] for name, values in found.texts.items()}, {}, found.remarks)


def layout_of(settings: Mapping[str, Any]) -> Layout:
    """Return the layout that the settings of a table describe."""
    lists = {name: tuple(settings[name]) for name in ("slices", "ignore")}
    single = {name: str(settings[name]) for name in ("label", "part", "time", "split")}
    return Layout(kinds=dict(settings["kinds"]), **single, **lists)  # type: ignore[arg-type]
