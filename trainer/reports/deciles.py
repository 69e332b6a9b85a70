"""Deciles as SVG text: one strip a group over a common axis."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _ROW = 240, 14


def decile_strips(groups: Sequence[tuple[str, Sequence[float], str]]) -> str:
    """Draw (name, 11 edges from least to greatest, colour): a line from end to end, a box from the second to the
    eighth decile, a tick at the median. Empty text for no groups."""
    edges = [edge for _, found, _ in groups for edge in found]
    if not edges:
        return ""
    low, span = min(edges), max(max(edges) - min(edges), 1e-12)
    drawn = []
    for number, (name, found, colour) in enumerate(groups):
        places = [(edge - low) / span * (_WIDTH - 2) + 1 for edge in found]
        middle = number * _ROW + _ROW / 2
        left, right = places[len(places) // 5], places[-1 - len(places) // 5]
        centre = places[len(places) // 2]
        title = f"<title>{escape(name)}: {', '.join(f'{edge:.4g}' for edge in found)}</title>"
        drawn.append(
            f'<g stroke="{colour}" fill="{colour}">{title}'
            f'<line x1="{places[0]:.1f}" x2="{places[-1]:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
            f'<rect x="{left:.1f}" y="{middle - 4:.1f}" width="{max(right - left, 1):.1f}" height="8" rx="2" '
            f'fill-opacity=".3" stroke="none"/>'
            f'<line stroke-width="2" x1="{centre:.1f}" x2="{centre:.1f}" y1="{middle - 5:.1f}" y2="{middle + 5:.1f}"/>'
            "</g>"
        )
    return f'<svg viewBox="0 0 {_WIDTH} {len(groups) * _ROW}" role="img">{"".join(drawn)}</svg>'
