"""Charts as SVG text: values in, text out. Colours come from the page's CSS variables, so dark pages work, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 12, 30
Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line: its name, its points (x, y) and its CSS colour."""

    name: str
    points: tuple[Point, ...]
    colour: str


@dataclass(frozen=True)
class Mark:
    """A vertical line at `x` with a word beside it."""

    x: float
    text: str


def line_chart(series: Sequence[Series], x_label: str, marks: Sequence[Mark] = (), y_max: float | None = None) -> str:
    """Draw lines over a common x axis; y begins at 0. Empty text for no points."""
    points = [point for one in series for point in one.points]
    if not points:
        return ""
    x_low, x_high = min(p[0] for p in points), max(p[0] for p in points)
    top = y_max if y_max is not None else max(p[1] for p in points) or 1.0
    scale = _Scale(x_low, max(x_high, x_low + 1e-9), top)
    drawn = [*_grid(scale, x_label), *(_path(scale, one) for one in series)]
    drawn += [_mark(scale, mark) for mark in marks]
    return _svg("".join(drawn), _WIDTH, _HEIGHT) + _legend(series)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    top: float

    def x(self, value: float) -> float:
        return _LEFT + (value - self.low) / (self.high - self.low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - min(max(value / self.top, 0), 1.02) * (_HEIGHT - _TOP - _BOTTOM)


def _grid(scale: _Scale, x_label: str) -> list[str]:
    lines = []
    for share in (0, 0.25, 0.5, 0.75, 1.0):
        y = scale.y(share * scale.top)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * scale.top:.3g}</text>')
    for value in (scale.low, (scale.low + scale.high) / 2, scale.high):
        lines.append(f'<text x="{scale.x(value):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{value:.3g}</text>')
    lines.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 1}" text-anchor="end">{escape(x_label)}</text>')
    return lines


def _path(scale: _Scale, series: Series) -> str:
    steps = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in series.points)
    return f'<polyline fill="none" stroke="{series.colour}" stroke-width="2" points="{steps}"/>'


def _mark(scale: _Scale, mark: Mark) -> str:
    x = scale.x(min(max(mark.x, scale.low), scale.high))
    anchor, shift = ("end", -5) if x > _WIDTH / 2 else ("start", 5)
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{x + shift:.1f}" y="{_TOP + 10}" text-anchor="{anchor}">{escape(mark.text)}</text>'
    )


def _legend(series: Sequence[Series]) -> str:
    items = "".join(f'<span><i style="background:{one.colour}"></i>{escape(one.name)}</span>' for one in series)
    return f'<p class="legend">{items}</p>'


def _svg(content: str, width: int, height: int) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{content}</svg>'


def histogram(groups: Sequence[tuple[str, Sequence[tuple[float, float, float]], str]]) -> str:
    """Draw histograms over each other: (name, [(low, high, count)], colour); each scaled to the same area."""
    width, height = 240, 72
    bars = [bar for _, found, _ in groups for bar in found]
    if not bars:
        return ""
    low, high = min(b[0] for b in bars), max(b[1] for b in bars)
    span = max(high - low, 1e-9)
    drawn = []
    for name, found, colour in groups:
        total = sum(count for _, _, count in found) or 1.0
        largest = max((count for _, _, count in found), default=1.0) or 1.0
        for left, right, count in found:
            tall = count / largest * (height - 16)
            x, wide = (left - low) / span * width, max((right - left) / span * width, 1.5)
            title = f"<title>{escape(name)}: {left:.3g} to {right:.3g}, {count / total:.1%}</title>"
            drawn.append(
                f'<rect x="{x:.1f}" y="{height - 14 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
                f'fill="{colour}" fill-opacity=".45">{title}</rect>'
            )
    drawn.append(f'<text x="0" y="{height - 1}">{low:.3g}</text>')
    drawn.append(f'<text x="{width}" y="{height - 1}" text-anchor="end">{high:.3g}</text>')
    return _svg("".join(drawn), width, height)


def strip(scores: Sequence[tuple[float, bool]], accept_below: float, reject_above: float) -> str:
    """Draw every part as a dot on the score's axis, good ones below, defective ones above, with the review band."""
    width, height = _WIDTH, 96

    def x(score: float) -> float:
        return 10 + score * (width - 20)

    band = max(x(reject_above) - x(accept_below), 1)
    drawn = [f'<rect class="band" x="{x(accept_below):.1f}" y="4" width="{band:.1f}" height="70"/>']
    for number, (score, defective) in enumerate(scores):
        y = (24 if defective else 56) + (number * 7 % 15) - 7
        colour = "var(--bad)" if defective else "var(--good)"
        drawn.append(f'<circle cx="{x(score):.1f}" cy="{y}" r="3.4" fill="{colour}" fill-opacity=".75"/>')
    for value in (0, 0.25, 0.5, 0.75, 1):
        drawn.append(f'<text x="{x(value):.1f}" y="{height - 4}" text-anchor="middle">{value:g}</text>')
    return _svg("".join(drawn), width, height)
