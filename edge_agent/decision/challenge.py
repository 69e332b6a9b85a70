"""Challenge parts: which is due, and whether one was passed. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_agent.contracts.verdict import Reason, Verdict


@dataclass(frozen=True)
class Schedule:
    """When a pass no longer counts; hours and parts may be None."""

    at_start: bool = True
    at_model_change: bool = True
    every_hours: float | None = None
    every_parts: int | None = None


@dataclass(frozen=True)
class Moment:
    """When something was: the part's number in the journal, the run of the station, the model, and two clocks.

    `mono` are seconds of the machine's monotonic clock, to be compared within one boot only; `at_ms` since 1970.
    """

    part: int
    boot: str
    bundle: str
    mono: float
    at_ms: int


def outdated(last: Moment | None, now: Moment, schedule: Schedule) -> str:
    """Return why the last pass no longer counts, "" while it does. A wall clock that was set back counts for nothing.

    `last` is None where there was none, or none since the station was locked or killed in the middle of a challenge.
    """
    if last is None:
        return "has not been passed yet"
    if schedule.at_start and last.boot != now.boot:
        return "is due at every start of the station"
    if schedule.at_model_change and last.bundle != now.bundle:
        return "is due after a change of the model"
    if schedule.every_parts is not None and now.part - last.part >= schedule.every_parts:
        return f"is due every {schedule.every_parts} parts"
    if schedule.every_hours is not None:
        hours = (now.mono - last.mono if last.boot == now.boot else (now.at_ms - last.at_ms) / 1e3) / 3600
        if not 0 <= hours < schedule.every_hours:
            return f"is due every {schedule.every_hours:g} hours"
    return ""


def due(
    names: Sequence[str], passes: Mapping[str, Moment], now: Moment, schedule: Schedule
) -> tuple[tuple[str, str], ...]:
    """Return (name, why) of the challenge parts that must be presented now, in the order of the configuration."""
    found = ((name, outdated(passes.get(name), now, schedule)) for name in names)
    return tuple((name, why) for name, why in found if why)


_SAYS = {Verdict.ACCEPT: "accepts it", Verdict.REJECT: "rejects it", Verdict.REVIEW: "is unsure of it"}


def said(why: str) -> Verdict | None:
    """Return what the machine said of a part, from the words of `failure`; None where it could not judge it.

    >>> said(failure(Verdict.REJECT, Verdict.ACCEPT, None)).value
    'accept'
    """
    return next((opinion for opinion, words in _SAYS.items() if why.startswith(f"the machine {words}")), None)


def failure(known: Verdict, opinion: Verdict | None, trouble: Reason | None) -> str:
    """Return why a challenge was not passed, "" where it was: the machine's opinion must be the known answer.

    `opinion` is None where the machine had none, because of `trouble`.
    """
    if opinion is known:
        return ""
    if opinion is None:
        return f"the machine could not judge it ({trouble.value if trouble else 'no opinion'})"
    return f"the machine {_SAYS[opinion]}, and it is known to be {'good' if known is Verdict.ACCEPT else 'defective'}"
