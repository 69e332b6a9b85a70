"""What the cells of a column of texts look like when they are no texts: numbers, decimal commas, dates. Rules only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edge_agent.contracts.row import MISSING

COMMA = re.compile(r"[+-]?\d+(?:[. \u00a0]\d{3})*,\d+")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[T ].*)?|\d\d?[./]\d\d?[./]\d{2,4}(?: .*)?")
_MOSTLY, _PARTLY = 0.5, 0.1


def with_commas(cells: Sequence[str]) -> int:
    """Return how many cells are numbers written with a decimal comma, such as `12,5` or `1.200,5`."""
    return sum(COMMA.fullmatch(cell.strip()) is not None for cell in cells)


def remark_on(column: str, cells: Sequence[str], numbers: float) -> str:
    """Say what is odd about a column that is taken for texts, "" where nothing is; `numbers` is the share of them."""
    given = [cell.strip() for cell in cells if cell.strip() not in MISSING]
    dates = sum(_DATE.fullmatch(cell) is not None for cell in given)
    if given and dates >= _MOSTLY * len(given):
        return (
            f"column '{column}' holds dates such as '{given[0]}', each a text of its own to the model; name it in "
            "table.time or table.ignore"
        )
    if numbers >= _PARTLY:
        return (
            f"column '{column}' is taken for texts, though {numbers:.0%} of its cells are numbers; say what it is with "
            f"--set 'table.kinds={{{column}: text}}', or number"
        )
    return ""
