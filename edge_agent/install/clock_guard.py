"""May the wall clock be believed? A device's clock may stand at 1970 or ten years ahead (F15, A25).

Time that has certainly passed is kept in the journal as a floor. It rises only to a time at which signed metadata was
still valid, so a wrong clock can neither make expired metadata valid nor lock the device out for long.
"""

from __future__ import annotations

from edge_agent.clock import Clock
from edge_agent.journal.database import Database

TOLERANCE_MS = 60_000
HORIZON_MS = 3 * 365 * 86_400_000
"""So far beyond the floor a clock is not believed."""

_FLOOR = "time/floor_ms"


def reference_ms(wall_ms: int, floor_ms: int) -> int:
    """Return the time by which expiry is judged: never before the floor."""
    return max(wall_ms, floor_ms)


def is_suspect(wall_ms: int, floor_ms: int, drift_ms: float) -> bool:
    """Return whether the clock is below the floor, implausibly far beyond it, or has jumped by `drift_ms`."""
    return not floor_ms - TOLERANCE_MS <= wall_ms <= floor_ms + HORIZON_MS or abs(drift_ms) > TOLERANCE_MS


class ClockGuard:
    """Watches one station's clock; `issued_ms` (when the credentials were made) is the first floor."""

    def __init__(self, database: Database, clock: Clock, issued_ms: int) -> None:
        self._database, self._clock = database, clock
        row = database.row("read_counter", name=_FLOOR)
        self.floor_ms = max(issued_ms, int(row[0]) if row else 0)
        self._offset = self._current_offset()

    @property
    def suspect(self) -> bool:
        """True while records carry a time that is probably wrong."""
        drift = self._current_offset() - self._offset
        return is_suspect(self._clock.wall_ms(), self.floor_ms, drift)

    def reference_ms(self) -> int:
        """Return the time by which expiry is judged."""
        return reference_ms(self._clock.wall_ms(), self.floor_ms)

    def confirm(self, reference_ms: int) -> None:
        """Note that signed metadata was valid at `reference_ms`: this much time has passed at least."""
        self._offset = self._current_offset()
        if reference_ms > self.floor_ms:
            self.floor_ms = reference_ms
            with self._database.transaction():
                self._database.run("set_counter", name=_FLOOR, value=reference_ms)

    def _current_offset(self) -> float:
        return self._clock.wall_ms() - self._clock.monotonic() * 1000.0
