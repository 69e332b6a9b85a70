"""Names among the counters of a device's health message that the fleet looks for."""

from __future__ import annotations

CANARY_COUNTS = ("drawn", "decided", "disputed", "late", "failed")
"""Of the parts of a challenger's share: all, decided by it, disputed of these, where it was late, where it failed."""

_NAMED = 12


def canary_count(bundle: str, what: str) -> str:
    """Return the name under which parts of a challenger's share are counted; `what` is one of `CANARY_COUNTS`.

    >>> canary_count("0123456789abcdef", "late")
    'canary.0123456789ab.late'
    """
    return f"canary.{bundle[:_NAMED]}.{what}"
