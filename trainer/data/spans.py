"""Spans and versions of data, by TensorFlow Extended's patterns: names in, chosen places out. Rules only.

A span is a number (`{SPAN}`) or a day (`{YYYY}`, `{MM}` and `{DD}`, its span is the number of days since 1970-01-01);
`{VERSION}` counts the deliveries of one span, and the latest stands for it. `{SPAN:3}` is three digits, zero-padded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from edge_agent.contracts.errors import ConfigError, Rejected

_SPEC = re.compile(r"\{([^{}]*)\}")
_NAMED = re.compile(r"(SPAN|VERSION)(?::(.*))?")
_DAY = {"YYYY": r"\d{4}", "MM": r"\d{2}", "DD": r"\d{2}"}
_WISH = re.compile(r"latest|all|rolling:([1-9]\d*)|(\d+)(?:-(\d+))?")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Place:
    """One delivery of data: where it lies, its span, and its version where the pattern has one."""

    path: str
    span: int
    version: int | None = None

    @property
    def name(self) -> str:
        """How people call it."""
        return f"span {self.span}" if self.version is None else f"span {self.span} version {self.version}"


def is_pattern(path: str) -> bool:
    """Say whether a path names spans instead of one folder or file."""
    return _SPEC.search(path) is not None


def check_pattern(path: str) -> None:
    """Raise ConfigError for a pattern that breaks TFX's rules.

    Either `{SPAN}` or all of `{YYYY}`, `{MM}`, `{DD}`, each once; `{VERSION}` at most once and only beside a span.
    """
    names = [_spec(text, path)[0] for text in _SPEC.findall(path)]
    days = [name for name in names if name in _DAY]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: {{{twice[0]}}} stands in it twice; name it once")
    if days and "SPAN" in names:
        raise ConfigError(f"{path}: a span is either {{SPAN}} or a day; leave one of them out")
    if days and len(days) != len(_DAY):
        missing = next(name for name in _DAY if name not in days)
        raise ConfigError(f"{path}: a day needs {{YYYY}}, {{MM}} and {{DD}}; {{{missing}}} is missing")
    if "VERSION" in names and not days and "SPAN" not in names:
        raise ConfigError(f"{path}: {{VERSION}} counts the versions of a span; add {{SPAN}} or a day")


def expression(text: str) -> re.Pattern[str]:
    """Return what a path, or one name of it, must match; its groups are named SPAN, VERSION, YYYY, MM and DD."""
    pieces, place = [], 0
    for found in _SPEC.finditer(text):
        name, digits = _spec(found.group(1), text)
        pieces += [re.escape(text[place : found.start()]), f"(?P<{name}>{digits})"]
        place = found.end()
    return re.compile("".join(pieces) + re.escape(text[place:]))


def _spec(text: str, path: str) -> tuple[str, str]:
    """Return the name of a specification in braces and the expression of its digits."""
    if text in _DAY:
        return text, _DAY[text]
    named = _NAMED.fullmatch(text)
    if named is None:
        raise ConfigError(f"{path}: unknown {{{text}}}; expected {{SPAN}}, {{VERSION}}, {{YYYY}}, {{MM}} or {{DD}}")
    name, width = named.groups()
    if width is None:
        return name, r"\d+"
    if not width.isdecimal() or int(width) < 1:
        raise ConfigError(f"{path}: {{{text}}} has no width; give a number of digits such as {{{name}:3}}")
    return name, rf"\d{{{int(width)}}}"


def place_of(pattern: str, path: str) -> Place | None:
    """Return span and version of a path; None where it does not match the pattern or names no day there is."""
    found = expression(pattern).fullmatch(path)
    if found is None:
        return None
    values = {name: int(digits) for name, digits in found.groupdict().items()}
    if "YYYY" in values:
        try:
            span = (date(values["YYYY"], values["MM"], values["DD"]) - _EPOCH).days
        except ValueError:
            return None
    else:
        span = values["SPAN"]
    return Place(path, span, values.get("VERSION"))


def choose(places: Iterable[Place], wish: str) -> tuple[Place, ...]:
    """Return the latest version of each span that `wish` asks for, oldest span first.

    `wish` is `latest`, `all`, `rolling:N` (the latest N), `3`, or `2-5`. Raises ConfigError for any other and Rejected,
    saying which spans there are, where none is left or one span lies in two places.
    """
    asked = _WISH.fullmatch(wish)
    if asked is None:
        raise ConfigError(f"spans '{wish}' is unknown; give latest, all, rolling:N, a number or a range such as 2-5")
    latest = _latest_versions(places)
    spans = sorted(latest)
    rolling, first, last = asked.groups()
    if wish == "latest" or rolling:
        spans = spans[-int(rolling or 1) :]
    elif first:
        spans = [span for span in spans if int(first) <= span <= int(last or first)]
    if not spans:
        raise Rejected(f"no span {wish} there; found {_listed(sorted(latest)) or 'none'}")
    return tuple(latest[span] for span in spans)


def span_properties(spans: Sequence[Mapping[str, int]]) -> tuple[list[str], dict[str, Any]]:
    """Return what Examples say of the spans they were made of: in words, and as TFX's properties.

    `span` and `version` are those of the latest span, `spans` names all; without spans there is nothing to say.
    """
    if not spans:
        return [], {}
    latest = max(spans, key=lambda one: one["span"])
    words = [Place("", one["span"], one.get("version")).name for one in spans]
    kept = {name: latest[name] for name in ("span", "version") if name in latest}
    return [", ".join(words)], {**kept, "spans": json.dumps([dict(one) for one in spans], sort_keys=True)}


def _latest_versions(places: Iterable[Place]) -> dict[int, Place]:
    latest: dict[int, Place] = {}
    for place in places:
        known = latest.get(place.span)
        if known is None or (place.version or 0) > (known.version or 0):
            latest[place.span] = place
        elif place.version == known.version:
            raise Rejected(f"{place.name} lies in two places, {known.path} and {place.path}; remove one")
    return latest


def _listed(spans: Sequence[int], most: int = 10) -> str:
    shown = ", ".join(map(str, spans[-most:]))
    return f"{shown} and {len(spans) - most} earlier ones" if len(spans) > most else shown
