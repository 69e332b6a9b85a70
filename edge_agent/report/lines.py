"""The finished parts of a period as CSV (RFC 4180), a line at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from edge_agent.contracts.plc import Disposition
from edge_agent.report.period import rfc3339

COLUMNS = (
    "part", "boot", "seq", "serial", "triggered", "decided", "verdict", "final", "reason", "label", "score",
    "latency_ms", "bundle", "operator", "output", "picture", "plc_run", "plc_sequence", "plc_disposition", "detail",
)  # fmt: skip
"""Times are RFC 3339 in UTC; `decided` is when the station gave its first verdict, `score` is that of defective."""
_TRIGGERED, _DECIDED = COLUMNS.index("triggered"), COLUMNS.index("decided")
_OPERATOR, _DISPOSITION = COLUMNS.index("operator"), COLUMNS.index("plc_disposition")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_AT_ONCE = 200


def csv_lines(rows: Iterable[tuple[Any, ...]], only: str | None = None) -> Iterator[str]:
    """Return the file in pieces; `rows` are those of the query `report_lines`, in the order of `COLUMNS`.

    With `only` every other person's name is left out.
    """
    piece = io.StringIO(newline="")
    writer = csv.writer(piece, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, 1):
        writer.writerow(_cells(row, only))
        if number % _AT_ONCE == 0:
            yield piece.getvalue()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue()


def _cells(row: tuple[Any, ...], only: str | None) -> list[Any]:
    cells: list[Any] = [safe(cell) if isinstance(cell, str) else cell for cell in row]
    if only is not None and row[_OPERATOR] != only:
        cells[_OPERATOR] = ""
    for place in (_TRIGGERED, _DECIDED):
        cells[place] = None if row[place] is None else rfc3339(row[place])
    if row[_DISPOSITION] is not None:
        cells[_DISPOSITION] = disposition_name(row[_DISPOSITION])
    return cells


def disposition_name(number: int) -> str:
    """Return what the PLC did, as a word: none, accepted, rejected, no-result."""
    return Disposition(number).name.lower().replace("_", "-")


def safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula.

    >>> safe("=1+1")
    "'=1+1"
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
