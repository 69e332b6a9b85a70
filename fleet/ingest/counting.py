"""What one event adds to its device's counters: rules without I/O."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable

from edge_agent.contracts.events import Decided, Event, Fault, Reviewed

Key = tuple[str, str, str]
"""Device, bundle ('' where there was none), name of the counter."""


def increments(event: Event) -> tuple[str, tuple[str, ...]]:
    """Return the bundle and the names of the counters that the event raises by one."""
    data = event.data
    if isinstance(data, Decided):
        names = ("parts", f"verdict.{data.verdict.value}", f"final.{data.final.value}", f"reason.{data.reason.value}")
        return data.bundle or "", names
    if isinstance(data, Reviewed):
        flags = {"overridden": data.verdict is not data.machine, "late": data.late, "conflict": data.conflict}
        return data.bundle or "", ("reviewed", *(f"review.{name}" for name, is_set in flags.items() if is_set))
    if isinstance(data, Fault) and data.active:
        return "", ("faults",)
    return "", ()


def count(device: str, events: Iterable[Event]) -> Tally[Key]:
    """Return by how much the events raise the device's counters."""
    tally: Tally[Key] = Tally()
    for event in events:
        bundle, names = increments(event)
        for name in names:
            tally[(device, bundle, name)] += 1
    return tally
