"""The forest plot: metrics of every slice with their intervals, one row a slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_ROW, _HEAD, _NAME, _PANEL, _GAP, _COUNT = 26, 40, 172, 220, 46, 92
_LETTERS = 26
_METRICS = (("AUROC", "var(--accent)"), ("escape", "var(--bad)"), ("overkill", "var(--warn)"))


@dataclass(frozen=True)
class ForestRow:
    """A slice: what it is called, how many parts it has, whether it has enough to be judged, and its estimates."""

    name: str
    parts: int
    defective: int
    judged: bool
    values: Mapping[str, Mapping[str, Any]]


def forest_rows(metrics: Mapping[str, Any]) -> list[ForestRow]:
    """Return the rows for a `metrics.json`: overall first, then every slice."""
    part, at_work = metrics["part"], metrics["inspection"]
    ranking = {"value": part["auroc"], "low": part["auroc_low"], "high": part["auroc_high"]}
    every = part["defective"] + part["good"]
    values = {"AUROC": ranking, "escape": at_work["escape"], "overkill": at_work["overkill"]}
    rows = [ForestRow("all parts", every, part["defective"], True, values)]
    for one in metrics["part_slices"]:
        inside = {"AUROC": one["auroc"], **{name: one["inspection"][name] for name in ("escape", "overkill")}}
        rows.append(ForestRow(one["slice"], one["parts"], one["defective"], one["judged"], inside))
    return rows


def forest_plot(rows: Sequence[ForestRow]) -> str:
    """Draw the rows; each metric has a scale of its own that begins where its intervals do. Empty for no rows."""
    if not rows:
        return ""
    width = _NAME + len(_METRICS) * (_PANEL + _GAP) + _COUNT
    height = _HEAD + _ROW * len(rows) + 24
    drawn = []
    for number, row in enumerate(rows):
        y = _HEAD + number * _ROW
        if number % 2 == 0:
            drawn.append(f'<rect class="stripe" x="0" y="{y}" width="{width}" height="{_ROW}" rx="5"/>')
        kind = "strong" if number == 0 else "plain" if row.judged else "faint"
        title = f"<title>{escape(row.name)}</title>"
        drawn.append(f'<text class="{kind}" x="8" y="{y + 17}">{title}{escape(_short(row.name))}</text>')
        few = "" if row.judged else " (few)"
        counts = f"{row.defective} / {row.parts}{few}"
        drawn.append(f'<text class="{kind}" x="{width - 8}" y="{y + 17}" text-anchor="end">{counts}</text>')
    drawn.append(f'<text class="strong" x="{width - 8}" y="18" text-anchor="end">defective / parts</text>')
    for number, (metric, colour) in enumerate(_METRICS):
        drawn.append(_panel(rows, metric, colour, _NAME + number * (_PANEL + _GAP), height))
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="metrics by slice">{"".join(drawn)}</svg>'


def _short(name: str) -> str:
    """Return a name that has room before the first panel: what tells slices apart is mostly at its end."""
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS // 2]}…{name[-_LETTERS // 2 + 1 :]}"


def _panel(rows: Sequence[ForestRow], metric: str, colour: str, left: int, height: int) -> str:
    known = [row.values[metric] for row in rows if row.values[metric]["value"] is not None]
    ends = [end for one in known for end in (one["low"], one["high"]) if end is not None]
    low, high = (0.0, 1.0) if not ends else (min(ends), max(ends))
    low, high = (max(0.0, low - 0.02), 1.0) if metric == "AUROC" else (0.0, max(high, 0.02))
    span = max(high - low, 1e-9)

    def x(value: float) -> float:
        return left + (value - low) / span * _PANEL

    bottom = height - 22
    drawn = [f'<text class="strong" x="{left}" y="18">{metric}</text>']
    for value in (low, (low + high) / 2, high):
        text = f"{value:.2f}" if metric == "AUROC" else f"{100 * value:.3g} %"
        drawn.append(f'<line class="grid" x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_HEAD - 8}" y2="{bottom}"/>')
        drawn.append(f'<text x="{x(value):.1f}" y="{height - 6}" text-anchor="middle">{text}</text>')
    if known and rows[0].values[metric]["value"] is not None:
        middle = x(rows[0].values[metric]["value"])
        drawn.append(f'<line class="mark" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_HEAD - 8}" y2="{bottom}"/>')
    drawn += [_bar(row, metric, colour, x, _HEAD + n * _ROW + _ROW / 2, n == 0) for n, row in enumerate(rows)]
    return "".join(drawn)


def _bar(row: ForestRow, metric: str, colour: str, x: Any, y: float, whole: bool) -> str:
    found = row.values[metric]
    if found["value"] is None or found["low"] is None:
        return ""
    title = f"<title>{escape(row.name)}: {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})</title>"
    fill = colour if row.judged else "var(--panel)"
    ends = f'x1="{x(found["low"]):.1f}" x2="{x(found["high"]):.1f}"'
    line = f'<line {ends} y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
    size = 5 if whole else 4
    middle = x(found["value"])
    if whole:
        left, right, above, below = middle - size - 2, middle + size + 2, y - size - 1, y + size + 1
        shape = f'<path d="M{left:.1f} {y}L{middle:.1f} {above}L{right:.1f} {y}L{middle:.1f} {below}Z" fill="{fill}"/>'
    else:
        ring = f'stroke="{colour}" stroke-width="1.5"'
        shape = f'<circle cx="{middle:.1f}" cy="{y}" r="{size}" fill="{fill}" {ring}/>'
    return f"<g>{title}{line}{shape}</g>"
