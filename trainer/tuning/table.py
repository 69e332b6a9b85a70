"""The trials as a table, and which of them is the best."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from trainer.tuning.study import Row

TABLE, PAGE = "trials.csv", "trials.html"


def best_of(rows: Sequence[Row], maximise: bool) -> Row | None:
    """Return the complete trial with the best value, the first of equals."""
    complete = [row for row in rows if row.state == "complete" and row.value is not None]
    sign = -1.0 if maximise else 1.0
    return min(complete, key=lambda row: (sign * (row.value or 0.0), row.number), default=None)


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write one line a trial."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows(cells(rows))


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Return the table: its header, then a line a trial."""
    keys = sorted({key for row in rows for key in row.choice})
    lines = [["trial", "state", "value", "epochs", *keys, "note"]]
    for row in rows:
        value = "" if row.value is None else f"{row.value:.6g}"
        chosen = [_shown(row.choice.get(key, "")) for key in keys]
        lines.append([str(row.number), row.state, value, str(row.epochs), *chosen, row.note])
    return lines


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
