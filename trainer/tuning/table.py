"""The trials as files for people: a table and a page."""

from __future__ import annotations

import csv
import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.reports.charts import Series, line_chart
from trainer.tuning.study import Row

TABLE, PAGE = "trials.csv", "trials.html"
_STYLE = (
    ":root{color-scheme:light dark}body{font:14px system-ui;margin:2em;max-width:60em}"
    "td,th{padding:2px 10px;text-align:left}svg{max-width:40em;overflow:visible}"
    "svg text{font-size:11px;fill:currentColor}.legend{display:flex;gap:1em;padding:0;list-style:none}"
    ".legend i{display:inline-block;width:10px;height:10px;margin-right:5px}"
)
_TOO_FEW = "Too few complete trials, or one value alone: nothing can be said."


def best_of(rows: Sequence[Row], maximise: bool) -> Row | None:
    """Return the complete trial with the best value, the first of equals."""
    complete = [row for row in rows if row.state == "complete" and row.value is not None]
    sign = -1.0 if maximise else 1.0
    return min(complete, key=lambda row: (sign * (row.value or 0.0), row.number), default=None)


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write one line a trial."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerows(_cells(rows))


def write_page(rows: Sequence[Row], importance: Mapping[str, float], metric: str, maximise: bool, path: Path) -> None:
    """Write a page with the values by trial, what mattered, and the table; it needs no other file."""
    valued = [(row.number, row.value) for row in rows if row.state == "complete" and row.value is not None]
    best = [best_of(rows[:number], maximise) for number, _ in valued]
    so_far = tuple((n, one.value) for (n, _), one in zip(valued, best, strict=True) if one and one.value is not None)
    chart = line_chart([Series(metric, tuple(valued), "#888"), Series("best so far", so_far, "#1a7f37")], "trial")
    header, *lines = _cells(rows)
    table = _row(header, "th") + "".join(_row(line, "td") for line in lines)
    mattered = "".join(_row([name, f"{share:.0%}"], "td") for name, share in importance.items())
    importances = f"<table>{mattered}</table>" if mattered else f"<p>{_TOO_FEW}</p>"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>Trials</title><style>{_STYLE}</style><h1>Trials</h1>{chart}"
        f"<h2>What mattered</h2>{importances}<h2>All trials</h2><table>{table}</table>\n",
        encoding="utf-8",
    )


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    keys = sorted({key for row in rows for key in row.choice})
    lines = [["trial", "state", "value", "epochs", *keys, "note"]]
    for row in rows:
        value = "" if row.value is None else f"{row.value:.6g}"
        chosen = [_shown(row.choice.get(key, "")) for key in keys]
        lines.append([str(row.number), row.state, value, str(row.epochs), *chosen, row.note])
    return lines


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
