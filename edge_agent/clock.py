"""Time as an argument: deadlines come from the monotonic clock, records carry the wall clock's time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _wall_ms() -> int:
    return int(time.time() * 1000)


@dataclass(frozen=True)
class Clock:
    """`monotonic` in seconds since an arbitrary moment (never jumps), `wall_ms` since 1970 (may jump)."""

    monotonic: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = _wall_ms


SYSTEM = Clock()
