"""How long to wait before the next try: twice as long each time, up to a longest."""

from __future__ import annotations

FIRST_RECONNECT_S, LONGEST_RECONNECT_S = 0.2, 5.0
_DOUBLINGS_MAX = 32


def doubling(first_s: float, longest_s: float, attempt: int) -> float:
    """Return the seconds before the n-th try (0, and what is below it, is the first)."""
    return min(longest_s, first_s * 2.0 ** min(max(0, attempt), _DOUBLINGS_MAX))


def reconnect_delay(attempt: int, draw: float) -> float:
    """Return the seconds before a station's n-th reconnect to its camera or PLC (0 is the first).

    `draw` in [0, 1) spreads many stations. Never shorter than the first delay: a camera that is asked at once again
    often does not come up at all.
    """
    ceiling = doubling(FIRST_RECONNECT_S, LONGEST_RECONNECT_S, attempt)
    return max(FIRST_RECONNECT_S, ceiling * (0.75 + 0.25 * draw))
