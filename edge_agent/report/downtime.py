"""Where the time went: ready, not ready and why, stopped. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_agent.report.period import Period

ALIVE_MS = 45_000
"""A stretch whose end was moved along so recently still lasts."""


class Stretch(NamedTuple):
    """Time in which the station was ready or was not."""

    from_ms: int
    until_ms: int
    ready: int
    why: str


@dataclass(frozen=True)
class Downtime:
    """Where the time went, in milliseconds: ready, not ready and stopped are all of it since `since_ms`.

    `since_ms` is the period's beginning, or when the journal began to note readiness; `reasons` the longest first.
    """

    since_ms: int
    ready_ms: int
    not_ready_ms: int
    stopped_ms: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def down_ms(self) -> int:
        """Not ready or not running."""
        return self.not_ready_ms + self.stopped_ms

    @property
    def availability(self) -> float:
        """Share of the time in which parts could be judged."""
        return self.ready_ms / (self.ready_ms + self.down_ms)


def downtime(stretches: Sequence[Stretch], first_ms: int | None, period: Period, now_ms: int) -> Downtime | None:
    """Return where the period's time went until now; None where the journal does not know.

    `stretches` are those that touch the period, in the order in which they were written; `first_ms` is where the
    journal's first one began: before that nothing is known.
    """
    end = min(period.to_ms, now_ms)
    since = period.from_ms if first_ms is None else max(period.from_ms, first_ms)
    if first_ms is None or since >= end:
        return None
    ready, why = 0, Counter[str]()
    seen = since
    for stretch in stretches:
        until = now_ms if stretch is stretches[-1] and 0 <= now_ms - stretch.until_ms <= ALIVE_MS else stretch.until_ms
        lasted = max(0, min(until, end) - max(stretch.from_ms, seen))
        seen = max(seen, min(until, end))
        if stretch.ready:
            ready += lasted
        elif lasted:
            why[stretch.why] += lasted
    not_ready = sum(why.values())
    return Downtime(since, ready, not_ready, end - since - ready - not_ready, tuple(why.most_common()))
