"""Rows of a table as a model's input: from the cells of a row to numbers, the one way, in training and on the device.

The graph takes numbers alone: a text becomes its place in the column's vocabulary, which the bundle carries
(docs/adr/012-tables-on-the-device.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "NULL", "null", "None")
"""Cells that say nothing."""
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""What a number looks like; neither `inf` nor `12,5` is one."""
LARGEST = 3.4028234663852886e38
"""Beyond this a number does not fit the model's input."""

_PATTERN = re.compile(NUMBER)
Row = Mapping[str, Any]


class RowColumn(Strict):
    """One column: a number, or a text with the `values` that the model knows, in the order of their places."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["number", "text"]
    values: tuple[str, ...] = ()

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each value."""
        return {value: place for place, value in enumerate(self.values)}

    @property
    def unknown(self) -> int:
        """The place of every value that is none of `values`."""
        return len(self.values)

    @property
    def absent(self) -> int:
        """The place of a text that is missing."""
        return len(self.values) + 1


class RowContract(Strict):
    """What the graph must be fed with: one row of float32. A missing number is NaN, a text its place in `values`."""

    name: Literal["row"] = "row"
    shape: tuple[Literal[1], Annotated[int, Field(ge=1)]]
    columns: Annotated[tuple[RowColumn, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> RowContract:
        names = [column.name for column in self.columns]
        if self.shape[1] != len(names) or len(set(names)) != len(names):
            raise ValueError(f"shape {self.shape} does not fit {len(set(names))} different columns")
        return self


def row_input(row: Row, contract: RowContract) -> npt.NDArray[np.float32]:
    """Return what the model sees of a row, (columns,) float32.

    Cells are numbers, texts or None; columns that the model does not take are passed over. Raises Rejected naming the
    column that is not there or holds no number where one is expected.
    """
    import numpy as np

    absent = [column.name for column in contract.columns if column.name not in row]
    if absent:
        raise Rejected(
            f"column '{absent[0]}' is missing; the model takes {', '.join(c.name for c in contract.columns)}"
        )
    return np.asarray([_cell(row[column.name], column) for column in contract.columns], np.float32)


def _cell(value: Any, column: RowColumn) -> float:
    if column.kind == "number":
        return number_of(value, column.name)
    if isinstance(value, list | dict):
        raise Rejected(f"column '{column.name}' is a {type(value).__name__}, expected a text (or nothing)")
    text = "" if value is None else str(value).strip()
    return float(column.absent if text in MISSING else column.places.get(text, column.unknown))


def _plain(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf


def number_of(value: Any, column: str) -> float:
    """Return a cell's number, NaN where it is missing. Raises Rejected with what was found for anything else."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return math.nan
        found = float(text) if _PATTERN.match(text) else math.inf
    else:
        found = _plain(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.inf
    if math.isnan(found):
        return found
    if abs(found) > LARGEST:
        raise Rejected(f"column '{column}' is {str(value)[:40]!r}, expected a number that is finite (or nothing)")
    return found
