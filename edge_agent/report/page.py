"""Report and trace as HTML: one self-contained page for a file, or the same with the station's bar above it.

Nothing here needs a script; bars are SVG whose colours come from the style sheets of the operator page.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from edge_agent.report.downtime import Downtime
from edge_agent.report.names import plain
from edge_agent.report.numbers import HOUR_MS, Bar, Numbers
from edge_agent.report.period import Shift, local
from edge_agent.report.show import Show
from edge_agent.report.trace import Hit, Trace

_STYLES = ("theme", "light", "report")
_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE = 1000.0, 230.0, 44.0, 26.0, 8.0
_LABELS_MAX = 14
_BAR_SHARE = 0.72
_BAR_MAX = 64.0
_TOP = 8


@dataclass(frozen=True)
class Place:
    """Where the report comes from; `language` is en or de. `recipes`: it makes several products.

    `labels` is what people read for the model's labels in that language.
    """

    device: str
    where: str
    language: str = "en"
    recipes: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """Return what people read for a label: its name, else its own words.

        >>> Place("s", "").label("missing-chamfer")
        'missing chamfer'
        """
        return self.labels.get(name) or plain(name)


@dataclass(frozen=True)
class Column:
    """One bar of the chart in the units of its SVG: two pieces above each other, and what stands below."""

    x: float
    width: float
    accepted_y: float
    accepted: float
    rejected_y: float
    rejected: float
    waiting_y: float
    waiting: float
    label: str
    title: str


@dataclass(frozen=True)
class Found:
    """What the search page shows: who was looked for, who was found, and one of them.

    `size` is its picture's in pixels, `crop` what the model saw of it; `hidden`: its opinion must not be seen yet."""

    serial: str
    hits: list[Hit]
    trace: Trace | None
    size: tuple[int, int] = (1, 1)
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    hidden: bool = False


def report_file(numbers: Numbers, place: Place, models: dict[str, str]) -> str:
    """Return one page that needs no other file; `models` gives names to bundles."""
    return whole_file("report.html", place, numbers=numbers, models=models, **_figures(numbers, place))


def served(template: str, place: Place, **values: Any) -> str:
    """Return a page that the station serves, with its style sheets beside it."""
    return _render(template, place, styles=None, **values)


def whole_file(template: str, place: Place, **values: Any) -> str:
    """Return a page of the station's look that needs no other file."""
    styles = {name: Markup(_static(f"{name}.css")) for name in _STYLES}
    return _render(template, place, styles=styles, **values)


def report_page(
    numbers: Numbers, place: Place, models: dict[str, str], shifts: Iterable[Shift], problem: str = ""
) -> str:
    """Return the page that the station serves, with the choice of another period; `problem` says what was wrong."""
    values = {"shifts": tuple(shifts), "problem": problem, "styles": None, **_figures(numbers, place)}
    return _render("report.html", place, numbers=numbers, models=models, **values)


def search_page(found: Found, place: Place) -> str:
    """Return the page that looks for a serial and shows a part's trace."""
    return _render("search.html", place, found=found, styles=None)


def _render(template: str, place: Place, **values: Any) -> str:
    texts = _texts(place.language)
    show = Show(place.language)

    def t(key: str, **fields: object) -> str:
        return texts[key].format(**fields)

    shown = {"place": place, "t": t, "show": show, "texts": texts, "here": template.removesuffix(".html")}
    return _environment().get_template(template).render(**shown, **values)


@cache
def _environment() -> Environment:
    loader = PackageLoader("edge_agent.station", "templates")
    return Environment(
        loader=loader,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _static(name: str) -> str:
    return files("edge_agent.station").joinpath("static").joinpath(name).read_text(encoding="utf-8")


@cache
def _texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_static(f"{language}.json"))
    return found


def _figures(numbers: Numbers, place: Place) -> dict[str, Any]:
    top = nice_top(max((bar.parts for bar in numbers.bars), default=0))
    return {
        "columns": columns(numbers.bars, top, numbers.step_ms, _texts(place.language)["report_bar"]),
        "ticks": [(_y(value, top) + 4, _y(value, top), value) for value in (0, top / 2, top) if value == int(value)],
        "reasons": numbers.reasons.most_common(_TOP),
        "details": numbers.details.most_common(_TOP),
        "defects": numbers.defects.most_common(_TOP),
        "down": _pieces(numbers.downtime),
    }


def _pieces(found: Downtime | None) -> list[tuple[str, float, float]]:
    """Return (what, x, width) of the bar of time, in thousandths of all of it."""
    if found is None:
        return []
    whole, x, pieces = found.ready_ms + found.down_ms, 0.0, []
    for what, part in (("ready", found.ready_ms), ("not-ready", found.not_ready_ms), ("stopped", found.stopped_ms)):
        pieces.append((what, round(x, 2), round(1000 * part / whole, 2)))
        x += 1000 * part / whole
    return pieces


def nice_top(highest: int) -> int:
    """Return where the chart's axis ends: 1, 2 or 5 times a power of ten, not below the highest bar.

    >>> nice_top(34), nice_top(0)
    (50, 2)
    """
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= max(2, highest):
                return step * power
        power *= 10


def columns(bars: list[Bar], top: int, step_ms: int, title: str) -> list[Column]:
    """Return the chart's bars; at most `_LABELS_MAX` of them are labelled."""
    pitch = (_WIDTH - _LEFT) / max(1, len(bars))
    every = -(-len(bars) // _LABELS_MAX)
    form = "%H:%M" if step_ms == HOUR_MS else "%m-%d"
    width = min(_BAR_MAX, pitch * _BAR_SHARE)
    made = []
    for place, bar in enumerate(bars):
        start = format(local(bar.start_ms), form)
        words = title.format(start=start, accepted=bar.accepted, rejected=bar.rejected, waiting=bar.waiting)
        x = _LEFT + place * pitch + (pitch - width) / 2
        made.append(_column(bar, top, round(x, 2), round(width, 2), start if place % every == 0 else "", words))
    return made


def _column(bar: Bar, top: int, x: float, width: float, label: str, title: str) -> Column:
    levels = [_y(count, top) for count in (0, bar.accepted, bar.accepted + bar.rejected, bar.parts)]
    heights = [round(below - above, 2) for below, above in itertools.pairwise(levels)]
    return Column(x, width, levels[1], heights[0], levels[2], heights[1], levels[3], heights[2], label, title)


def _y(value: float, top: int) -> float:
    return round(_HEIGHT - _BELOW - (_HEIGHT - _BELOW - _ABOVE) * value / top, 2)
