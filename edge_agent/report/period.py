"""From when until when: shifts, and times as people give them. No I/O; the moment `now_ms` and the zone are arguments.

A zone of None is the machine's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from edge_agent.contracts.errors import Rejected

_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")


@dataclass(frozen=True)
class Period:
    """Milliseconds since 1970, the end not included; `shift` names the shift, if it is one."""

    from_ms: int
    to_ms: int
    shift: str = ""

    def holds(self, at_ms: int) -> bool:
        """Return whether a moment lies within."""
        return self.from_ms <= at_ms < self.to_ms


@dataclass(frozen=True)
class Shift:
    """A shift by its name; `start` and `end` as HH:MM of local time, the end may be on the next day."""

    name: str
    start: str
    end: str


@dataclass(frozen=True)
class Wish:
    """What somebody asks for: a shift's name, or times; all empty means today until now."""

    start: str = ""
    end: str = ""
    shift: str = ""


def chosen(wish: Wish, shifts: tuple[Shift, ...], now_ms: int, zone: tzinfo | None = None) -> Period:
    """Return the period that is asked for. Raises Rejected with what to write instead."""
    if wish.shift:
        if wish.start or wish.end:
            raise Rejected("a shift and times were given; give either the shift or from and to")
        return shift_period(_named(wish.shift, shifts), now_ms, zone)
    today = _day(now_ms, zone)
    start = moment(wish.start, now_ms, zone) if wish.start else _at(today, 0, zone)
    end = moment(wish.end, now_ms, zone) if wish.end else now_ms
    if start >= end:
        raise Rejected(f"the report would begin at {wish.start or '00:00'} and end before it; give an earlier start")
    return Period(start, end)


def shift_period(shift: Shift, now_ms: int, zone: tzinfo | None = None) -> Period:
    """Return the shift that is running, or else its last one that has ended."""
    today = _day(now_ms, zone)
    start, end = _minutes(shift.start), _minutes(shift.end)
    day = today if _at(today, start, zone) <= now_ms else today - timedelta(days=1)
    last = day if end > start else day + timedelta(days=1)
    return Period(_at(day, start, zone), _at(last, end, zone), shift.name)


def moment(text: str, now_ms: int, zone: tzinfo | None = None) -> int:
    """Return a time given as RFC 3339 or as HH:MM of today; without an offset it is local. Raises Rejected."""
    if _CLOCK.match(text):
        return _at(_day(now_ms, zone), _minutes(text), zone)
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
        return int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise Rejected(f"'{text}' is no time; give HH:MM of today or one like 2026-03-01T06:00:00+01:00") from error


def rfc3339(at_ms: int) -> str:
    """Return a moment in UTC.

    >>> rfc3339(1_500)
    '1970-01-01T00:00:01.500Z'
    """
    return (datetime(1970, 1, 1) + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds") + "Z"


def local(at_ms: int, zone: tzinfo | None = None) -> datetime:
    """Return a moment as the clock on the wall shows it."""
    return datetime.fromtimestamp(at_ms / 1000, zone).replace(tzinfo=None)


def _named(name: str, shifts: tuple[Shift, ...]) -> Shift:
    for shift in shifts:
        if shift.name == name:
            return shift
    known = ", ".join(shift.name for shift in shifts)
    if not known:
        raise Rejected(f"no shift '{name}': station.yaml names none; add 'shifts', or give from and to")
    raise Rejected(f"no shift '{name}' in station.yaml; use one of: {known}")


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _day(now_ms: int, zone: tzinfo | None) -> date:
    return local(now_ms, zone).date()


def _at(day: date, minute: int, zone: tzinfo | None) -> int:
    return int(datetime.combine(day, time(minute // 60, minute % 60), zone).timestamp() * 1000)
