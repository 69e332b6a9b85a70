"""The page of a search: how it went, what mattered, and every trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from trainer.reports.charts import Series, line_chart
from trainer.reports.rendering import environment
from trainer.tuning.study import Row
from trainer.tuning.table import best_of, cells

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 300, 170, 44, 24, 12
_WIDE_SPAN = 20.0


def write_page(rows: Sequence[Row], importance: Mapping[str, float], metric: str, maximise: bool, path: Path) -> None:
    """Write a page with the values by trial, what mattered, each key against the value, and the table; one file."""
    done = [row for row in rows if row.state == "complete" and row.value is not None]
    best = best_of(rows, maximise)
    so_far = [best_of([row for row in done if row.number <= one.number], maximise) for one in done]
    lines = [
        Series(metric, tuple((row.number, row.value or 0.0) for row in done), "var(--faint)"),
        Series(
            "best so far",
            tuple((row.number, top.value or 0.0) for row, top in zip(done, so_far, strict=True) if top),
            "var(--accent)",
        ),
    ]
    keys = sorted({key for row in done for key in row.choice})
    page = (
        environment()
        .get_template("trials.html")
        .render(
            metric=metric,
            best=best,
            counts={state: sum(row.state == state for row in rows) for state in ("complete", "pruned", "failed")},
            course=line_chart(lines, "trial"),
            importance=importance,
            charts={
                key: scatter([(row.choice[key], row.value or 0.0) for row in done if key in row.choice]) for key in keys
            },
            header=cells(rows)[0],
            lines=list(zip(rows, cells(rows)[1:], strict=True)),
        )
    )
    path.write_text(page, encoding="utf-8")


def scatter(points: Sequence[tuple[Any, float]]) -> str:
    """Draw the metric over one key's values: numbers on a scale, logarithmic where they span much, others by name."""
    if not points:
        return ""
    numeric = all(isinstance(x, int | float) and not isinstance(x, bool) for x, _ in points)
    place, names = _numbers([float(x) for x, _ in points]) if numeric else _names([str(x) for x, _ in points])
    low, high = min(y for _, y in points), max(y for _, y in points)
    span = max(high - low, 1e-9)

    def across(share: float) -> float:
        return _LEFT + _EDGE + share * (_WIDTH - _LEFT - 2 * _EDGE)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - _EDGE - (value - low) / span * (_HEIGHT - _BOTTOM - 2 * _EDGE)

    drawn = []
    for value in (low, high) if high > low else (low,):
        y = up(value)
        drawn.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for name, share in names:
        anchor = "start" if share < 0.2 else "end" if share > 0.8 else "middle"
        drawn.append(f'<text x="{across(share):.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{escape(name)}</text>')
    for share, (x, value) in zip(place, points, strict=True):
        title = f"<title>{escape(str(x))}: {value:.4g}</title>"
        drawn.append(f'<circle class="dot" cx="{across(share):.1f}" cy="{up(value):.1f}" r="5">{title}</circle>')
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(drawn)}</svg>'


Scale = tuple[list[float], list[tuple[str, float]]]
"""Where each value lies, 0 to 1, and what is written where."""


def _numbers(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    if low == high:
        return [0.5] * len(values), [(f"{low:.3g}", 0.5)]
    log = low > 0 and high / low >= _WIDE_SPAN
    scaled = [math.log(value) for value in values] if log else list(values)
    start, span = min(scaled), max(scaled) - min(scaled)
    return [(value - start) / span for value in scaled], [(f"{low:.3g}", 0.0), (f"{high:.3g}", 1.0)]


def _names(values: Sequence[str]) -> Scale:
    known = sorted(set(values))
    places = {name: 0.5 if len(known) == 1 else number / (len(known) - 1) for number, name in enumerate(known)}
    return [places[value] for value in values], list(places.items())
