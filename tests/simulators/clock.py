"""A clock that a test turns by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from edge_agent.clock import Clock


@dataclass
class HandClock:
    """`forward` moves both clocks, `jump` the wall clock alone."""

    seconds: float = 1000.0
    wall: float = field(default_factory=time.time)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.wall += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as somebody with a wrong watch would."""
        self.wall += seconds

    @property
    def clock(self) -> Clock:
        """The clock as the agent takes it."""
        return Clock(monotonic=lambda: self.seconds, wall_ms=lambda: int(self.wall * 1000))
