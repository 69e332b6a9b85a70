"""Which variant a device class gets: the fastest that passes every gate, as measured, never by type. Rules only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A variant as the choice sees it; `p50_ms` is its median latency on the device class, None if not measured."""

    id: str
    passed: bool
    p50_ms: float | None
    size: int
    delegated_partitions: int = 0


@dataclass(frozen=True)
class Choice:
    """The chosen variant and, in words, why."""

    id: str
    why: str


def choose(candidates: Sequence[Candidate]) -> Choice | None:
    """Return the fastest candidate that passed, the smaller one where two are equally fast; None if none passed."""
    able = [c for c in candidates if c.passed and c.p50_ms is not None]
    if not able:
        return None
    best = min(able, key=lambda c: (c.p50_ms, c.size, c.id))
    others = [_comparison(c, best) for c in able if c is not best]
    return Choice(best.id, f"{best.id} is the fastest that passes ({best.p50_ms:.3g} ms)" + _joined(others))


def _joined(others: list[str]) -> str:
    return "; " + ", ".join(others) if others else ""


def _comparison(other: Candidate, best: Candidate) -> str:
    assert other.p50_ms is not None
    assert best.p50_ms is not None
    text = f"{other.id} takes {other.p50_ms / max(best.p50_ms, 1e-9):.1f}x"
    return f"{text} ({other.delegated_partitions} delegated partitions)" if not other.delegated_partitions else text
