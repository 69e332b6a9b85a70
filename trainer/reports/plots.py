"""The evaluation's charts as SVG text; colours come from the page's CSS variables, so dark pages work, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from trainer.reports.charts import Point
from trainer.reports.curves import Bin, ThresholdCurves


@dataclass(frozen=True)
class Frame:
    """A drawing area with its scale: x and y from 0 (or `x_low`) to their tops."""

    width: int = 520
    height: int = 300
    left: int = 46
    right: int = 16
    top: int = 16
    bottom: int = 40
    y_top: float = 1.0

    def x(self, value: float) -> float:
        """Place of a value 0..1."""
        return self.left + min(max(value, 0), 1) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Place of a value 0..y_top."""
        share = min(max(value / self.y_top, 0), 1)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def grid(self, x_label: str, y_label: str, percent: bool = True) -> str:
        """Lines, numbers and names of both axes."""
        lines = []
        for share in (0, 0.25, 0.5, 0.75, 1.0):
            y, value = self.y(share * self.y_top), share * self.y_top
            text = f"{100 * value:.3g} %" if percent else f"{value:.2g}"
            lines.append(
                f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            lines.append(f'<text x="{self.left - 7}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
            x = self.x(share)
            lines.append(
                f'<text x="{x:.1f}" y="{self.height - self.bottom + 16}" text-anchor="middle">{share:g}</text>'
            )
        end = f'x="{self.width - self.right}" y="{self.height - 6}" text-anchor="end"'
        lines.append(f'<text class="name" {end}>{escape(x_label)} →</text>')
        lines.append(f'<text class="name" x="{self.left}" y="{self.height - 6}">↑ {escape(y_label)}</text>')
        return "".join(lines)

    def line(self, points: Sequence[Point], colour: str, more: str = "") -> str:
        """Draw a line through the points."""
        steps = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        look = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"'
        return f'<polyline {look} {more} points="{steps}"/>'

    def area(self, upper: Sequence[Point], lower: Sequence[Point], colour: str, opacity: float) -> str:
        """Fill what lies between two lines."""
        steps = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in [*upper, *reversed(lower)])
        return f'<polygon fill="{colour}" fill-opacity="{opacity}" points="{steps}"/>'

    def svg(self, content: str, name: str) -> str:
        """Return the drawing."""
        return f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(name)}">{content}</svg>'


def roc_chart(points: Sequence[Point], marks: Sequence[tuple[Point, str]]) -> str:
    """Draw a ROC curve with the chosen thresholds as named points; empty text for no points."""
    if not points:
        return ""
    frame = Frame(width=420, height=340)
    drawn = [frame.grid("good parts stopped", "defective parts stopped")]
    drawn.append(frame.line([(0, 0), (1, 1)], "var(--faint)", 'stroke-dasharray="3 5" opacity=".7"'))
    drawn.append(frame.area(points, [(0, 0), (1, 0)], "var(--accent)", 0.1))
    drawn.append(frame.line(points, "var(--accent)"))
    for number, ((x, y), text) in enumerate(marks):
        cx, cy = frame.x(x), frame.y(y)
        drawn.append(f'<circle class="dot" cx="{cx:.1f}" cy="{cy:.1f}" r="5"/>')
        shift = 22 + 18 * number
        drawn.append(f'<text x="{min(cx + 12, 250):.1f}" y="{cy + shift:.1f}">{escape(text)}</text>')
    return frame.svg("".join(drawn), "ROC curve of the test parts")


def threshold_chart(curves: ThresholdCurves, accept: float, reject: float, target: float) -> str:
    """Draw escape, overkill and review over the threshold; the escape rate's bound and the review band are shaded."""
    frame = Frame(width=640, height=320)
    drawn = [_band(frame, accept, reject), frame.grid("threshold", "share of parts")]
    if curves.bound:
        lower = [point for point in curves.escape if any(abs(point[0] - x) < 1e-9 for x, _ in curves.bound)]
        drawn.append(frame.area(curves.bound, lower, "var(--bad)", 0.14))
    drawn.append(frame.line([(0, target), (1, target)], "var(--bad)", 'stroke-dasharray="2 5" opacity=".8"'))
    said = f"escape target {100 * target:.3g} %"
    drawn.append(f'<text class="bad" x="{frame.left + 6}" y="{frame.y(target) - 6:.1f}">{said}</text>')
    lines = ((curves.review, "var(--busy)"), (curves.overkill, "var(--warn)"), (curves.escape, "var(--bad)"))
    drawn += [frame.line(points, colour) for points, colour in lines if points]
    drawn += [_named(frame, accept, "accept below", 12), _named(frame, reject, "reject from", 28)]
    return frame.svg("".join(drawn), "escape, overkill and review over the threshold")


def _band(frame: Frame, low: float, high: float) -> str:
    x, tall = frame.x(low), frame.height - frame.bottom - frame.top
    wide = max(frame.x(high) - x, 1)
    return f'<rect class="band" x="{x:.1f}" y="{frame.top}" width="{wide:.1f}" height="{tall}"/>'


def _named(frame: Frame, value: float, text: str, lower: int) -> str:
    """Draw a vertical line with its name and value on the side where there is room."""
    x, floor = frame.x(value), frame.height - frame.bottom
    anchor, shift = ("end", -6) if value > 0.5 else ("start", 6)
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{floor}"/>'
        f'<text class="strong" x="{x + shift:.1f}" y="{frame.top + lower}" text-anchor="{anchor}">'
        f"{text} {value:.3f}</text>"
    )


def reliability_chart(bins: Sequence[Bin]) -> str:
    """Draw said against found defect probabilities with intervals, and how many answers there are of each."""
    if not bins:
        return ""
    frame = Frame(width=420, height=340)
    most = max(one.count for one in bins)
    floor = frame.height - frame.bottom
    drawn = [frame.grid("said probability of a defect", "share that is defective")]
    for one in bins:
        tall = 46 * one.count / most
        wide = frame.x(one.high) - frame.x(one.low) - 3
        title = f"<title>{one.low:.1f} to {one.high:.1f}: {one.count} answers, {one.found:.1%} defective</title>"
        place = f'x="{frame.x(one.low) + 1.5:.1f}" y="{floor - tall:.1f}"'
        drawn.append(f'<rect class="count" {place} width="{wide:.1f}" height="{tall:.1f}" rx="2">{title}</rect>')
    drawn.append(frame.line([(0, 0), (1, 1)], "var(--faint)", 'stroke-dasharray="3 5"'))
    drawn.append(frame.line([(one.said, one.found) for one in bins], "var(--accent)", 'opacity=".55"'))
    for one in bins:
        x = frame.x(one.said)
        ends = f'y1="{frame.y(one.found_low):.1f}" y2="{frame.y(one.found_high):.1f}"'
        drawn.append(f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" {ends}/>')
        drawn.append(f'<circle class="dot" cx="{x:.1f}" cy="{frame.y(one.found):.1f}" r="4"/>')
    return frame.svg("".join(drawn), "reliability diagram")
