"""The journal's rows of a period, read page by page: a report of a million parts needs no more memory than a small one.

`part` has no index by time, for that would cost every part a write. Within a boot its rows are in the order in which
they came, so the period is found by bisection, boot by boot.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig, load_config
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home
from edge_agent.journal.reader import Reader
from edge_agent.report.canary import shared_parts
from edge_agent.report.downtime import Stretch, downtime
from edge_agent.report.numbers import Numbers, Part, count
from edge_agent.report.people import Answer, Check, add_checks
from edge_agent.report.period import Period, Shift

PAGE = 1000
CLOCK_SLACK_MS = 3_600_000
"""So far the wall clock may have been set back while the station ran, and every part is still found."""


def station_shifts(home: Home) -> tuple[Shift, ...]:
    """Return the shifts that station.yaml names. Raises ConfigError where there is no station."""
    if not home.config.exists():
        raise ConfigError(f"{home.root}: no station here; run 'edge-agent enrol FILE --home {home.root}' first")
    return shifts_of(load_config(home.config))


def shifts_of(config: StationConfig) -> tuple[Shift, ...]:
    """Return the shifts of these settings."""
    return tuple(Shift(shift.name, shift.start, shift.end) for shift in config.shifts)


def read_numbers(reader: Reader, period: Period, clock: Clock = SYSTEM) -> Numbers:
    """Return a period's report."""
    now_ms = clock.wall_ms()
    found = list(spans(reader, period))
    offset_ms = (time.localtime(period.from_ms / 1000).tm_gmtoff or 0) * 1000
    numbers = count(period, _parts(reader, period, found), _answers(reader, period, found), offset_ms, now_ms)
    asked = reader.rows("report_checks", from_ms=period.from_ms, to_ms=period.to_ms)
    numbers.operators = add_checks(numbers.operators, map(Check._make, asked))
    numbers.shared = shared_parts(reader, period, found)
    rows = reader.rows("readiness", from_ms=period.from_ms, to_ms=period.to_ms)
    first = reader.row("first_readiness")
    numbers.downtime = downtime([Stretch(*row) for row in rows], first[0] if first else None, period, now_ms)
    return numbers


def finished_parts(reader: Reader, period: Period) -> Iterator[tuple[Any, ...]]:
    """Return the rows of `report_lines`, the oldest part first."""
    return _pages(reader, "report_lines", period, spans(reader, period))


def spans(reader: Reader, period: Period) -> Iterator[tuple[int, int]]:
    """Return the first and last id of each boot's parts that may belong to the period, in the order of their ids."""
    found = []
    for boot in _boots(reader):
        row = reader.row("parts_of_boot", boot=boot)
        if row is None or row[0] is None:
            continue
        first = _first_from(reader, row[0], row[1], period.from_ms - CLOCK_SLACK_MS)
        beyond = _first_from(reader, row[0], row[1], period.to_ms + CLOCK_SLACK_MS)
        if first < beyond:
            found.append((first, beyond - 1))
    return iter(sorted(found))


def _boots(reader: Reader) -> Iterator[str]:
    """Return the boots that have parts, by one step into the index each."""
    boot = ""
    while (row := reader.row("next_boot", boot=boot)) is not None and row[0] is not None:
        boot = row[0]
        yield boot


def _first_from(reader: Reader, first: int, last: int, at_ms: int) -> int:
    """Return the smallest id of a boot's parts that came at `at_ms` or later; `last + 1` where none did."""
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        row = reader.row("part_time", id=middle)
        if row is None or row[0] > last or row[1] >= at_ms:
            high = middle
        else:
            low = row[0] + 1
    return low


def _parts(reader: Reader, period: Period, found: list[tuple[int, int]]) -> Iterator[Part]:
    return (Part._make(row) for row in _pages(reader, "report_parts", period, iter(found)))


def _pages(reader: Reader, query: str, period: Period, found: Iterator[tuple[int, int]]) -> Iterator[tuple[Any, ...]]:
    for first, last in found:
        after = first - 1
        while True:
            times = {"from_ms": period.from_ms, "to_ms": period.to_ms}
            rows = reader.rows(query, after=after, last=last, limit=PAGE, **times)
            yield from rows
            if len(rows) < PAGE:
                break
            after = rows[-1][0]


def _answers(reader: Reader, period: Period, found: list[tuple[int, int]]) -> Iterator[Answer]:
    for first, last in found:
        times = {"from_ms": period.from_ms, "to_ms": period.to_ms}
        yield from (Answer._make(row) for row in reader.rows("report_answers", first=first, last=last, **times))
