"""May the wall clock be believed? A device's clock may stand at 1970 or ten years ahead (F15, A25).

Time that has certainly passed is kept in the journal as a floor. It rises only to a time at which signed metadata was
still valid, so a wrong clock can neither make expired metadata valid nor lock the device out for long. How far the wall
clock was from the machine's monotonic clock when it could be believed is kept, too: a clock that was set while the
station did not run is noticed as well, until the machine itself is started anew.
"""

from __future__ import annotations

from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.journal.database import Database

TOLERANCE_MS = 60_000
HORIZON_MS = 3 * 365 * 86_400_000
"""So far beyond the floor a clock is not believed."""

_TOGETHER_S = 1.0
_FLOOR = "time/floor_ms"
_OFFSET = "time/offset"
_MACHINE = Path("/proc/sys/kernel/random/boot_id")


def reference_ms(wall_ms: int, floor_ms: int) -> int:
    """Return the time by which expiry is judged: never before the floor."""
    return max(wall_ms, floor_ms)


def is_suspect(wall_ms: int, floor_ms: int, drift_ms: float) -> bool:
    """Return whether the clock is below the floor, implausibly far beyond it, or has jumped by `drift_ms`."""
    return not floor_ms - TOLERANCE_MS <= wall_ms <= floor_ms + HORIZON_MS or abs(drift_ms) > TOLERANCE_MS


def machine_start() -> str:
    """Return what names this start of the machine, as long as its monotonic clock counts; "" where it has no name."""
    try:
        return _MACHINE.read_text().strip()
    except OSError:
        return ""


class ClockGuard:
    """Watches one station's clock; `issued_ms` (when the credentials were made) is the first floor.

    `machine` names this start of the machine.
    """

    def __init__(self, database: Database, clock: Clock, issued_ms: int, machine: str | None = None) -> None:
        self._database, self._clock = database, clock
        self._machine = machine_start() if machine is None else machine
        row = database.row("read_counter", name=_FLOOR)
        self.floor_ms = max(issued_ms, int(row[0]) if row else 0)
        known = self._kept_offset()
        self._offset = self._current_offset() if known is None else known
        if known is None and not self.suspect:
            self._keep_offset()

    @property
    def true_ms(self) -> int:
        """The time it should be by the monotonic clock, as far as the wall clock could be believed before."""
        return int(self._clock.monotonic() * 1000.0 + self._offset)

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
        self._keep_offset()
        if reference_ms > self.floor_ms:
            self.floor_ms = reference_ms
            with self._database.transaction():
                self._database.run("set_counter", name=_FLOOR, value=reference_ms)

    def _current_offset(self) -> float:
        """Return wall clock less monotonic clock, read together: a process may be stopped between two readings."""
        while True:
            before = self._clock.monotonic()
            wall_ms = self._clock.wall_ms()
            if self._clock.monotonic() - before < _TOGETHER_S:
                return wall_ms - before * 1000.0

    def _kept_offset(self) -> float | None:
        """Return the offset of an earlier run, while its monotonic clock goes on."""
        row = self._database.row("get_meta", key=_OFFSET)
        machine, _, offset = str(row[0]).partition(" ") if row else ("", "", "")
        return float(offset) if machine and machine == self._machine else None

    def _keep_offset(self) -> None:
        with self._database.transaction():
            self._database.run("set_meta", key=_OFFSET, value=f"{self._machine} {self._offset:.0f}")
