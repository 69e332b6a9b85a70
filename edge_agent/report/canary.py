"""What came of the parts that were drawn for a challenger within a period."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from edge_agent.journal.reader import Reader
from edge_agent.report.period import Period


class Shared(NamedTuple):
    """Parts drawn for the challenger `bundle`: all of them, decided by it, disputed of these, and late or failed."""

    bundle: str
    drawn: int
    decided: int
    disputed: int
    late: int
    failed: int


def shared_parts(reader: Reader, period: Period, found: Iterable[tuple[int, int]]) -> list[Shared]:
    """Return the counts of each challenger of a period, whose parts lie between the ids of `found`."""
    totals: dict[str, Shared] = {}
    for first, last in found:
        times = {"from_ms": period.from_ms, "to_ms": period.to_ms}
        for bundle, *numbers in reader.rows("report_canary", first=first, last=last, **times):
            before = totals.get(bundle, Shared(bundle, 0, 0, 0, 0, 0))
            totals[bundle] = Shared(bundle, *(a + b for a, b in zip(before[1:], numbers, strict=True)))
    return list(totals.values())
