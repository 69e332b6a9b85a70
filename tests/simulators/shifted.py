"""A station whose clocks a test turns: `python -m tests.simulators.shifted CLOCK MODULE ARGUMENT...`.

The agent takes time from `edge_agent.clock` alone, so it is turned there, before anything else is imported, in the
supervisor and in each of its children. What passes, passes on both clocks; what is wrong, is wrong on the wall clock.
"""

from __future__ import annotations

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

from edge_agent import clock

_NUMBERS = struct.Struct("ddd")


class TurnedClock:
    """Three numbers in a file that all processes see.

    Seconds that passed beyond the real ones, seconds that the story begins before now, and the wall clock's error.
    """

    def __init__(self, path: Path, back_s: float = 0.0) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_NUMBERS.pack(0.0, back_s, 0.0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _NUMBERS.size)

    @property
    def wrong(self) -> float:
        """Seconds that the wall clock is wrong by."""
        return float(_NUMBERS.unpack(self._memory[:])[2])

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        passed, back, wrong = _NUMBERS.unpack(self._memory[:])
        self._memory[:] = _NUMBERS.pack(passed + seconds, back, wrong)

    def set_wrong(self, seconds: float) -> None:
        """Set the wall clock so far beside the truth."""
        passed, back, _ = _NUMBERS.unpack(self._memory[:])
        self._memory[:] = _NUMBERS.pack(passed, back, seconds)

    def monotonic(self) -> float:
        """Return what the agent takes for the machine's monotonic clock; it never jumps back."""
        return time.monotonic() + float(_NUMBERS.unpack(self._memory[:])[0])

    def wall_ms(self) -> int:
        """Return what the agent takes for the time of day."""
        passed, back, wrong = _NUMBERS.unpack(self._memory[:])
        return int((time.time() - back + passed + wrong) * 1000)


def main() -> None:
    """Turn the clocks, then be the module."""
    path, module, *arguments = sys.argv[1:]
    turned = TurnedClock(Path(path))
    object.__setattr__(clock.SYSTEM, "monotonic", turned.monotonic)
    object.__setattr__(clock.SYSTEM, "wall_ms", turned.wall_ms)
    from edge_agent import processes

    def on_turned_clock(child: str, *words: str) -> list[str]:
        return [sys.executable, "-m", "tests.simulators.shifted", path, child, *words]

    processes.python_program = on_turned_clock
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
