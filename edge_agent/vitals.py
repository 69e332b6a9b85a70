"""How the hot loop is doing: counts and latencies in memory, for health messages and probation."""

from __future__ import annotations

from collections import deque
from typing import Any

from edge_agent.capture.camera import Camera
from edge_agent.clock import Clock
from edge_agent.contracts.verdict import Reason

_LATENCIES = 256
_FAILING = 3
FAILS = "the model fails on every part"
"""What is said of a model that is failing."""


class Vitals:
    """Counts since the process started, and since the present model was taken into use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._camera_seen = False
        self.parts = self.model_errors = 0
        self.bundle_parts = self.bundle_errors = 0
        self.errors_in_a_row = 0

    def part(self, reason: Reason, latency_ms: float, own: bool = True) -> None:
        """Count a part that was judged; `own` is False where another model than the present one decided it."""
        self.parts += 1
        self.bundle_parts += own
        self._latencies.append(latency_ms)
        failed = reason is Reason.MODEL_ERROR
        self.model_errors += failed
        self.bundle_errors += failed
        self.errors_in_a_row = self.errors_in_a_row + 1 if failed else 0

    def new_model(self) -> None:
        """Count anew for a model that was just taken into use."""
        self.bundle_parts = self.bundle_errors = self.errors_in_a_row = 0
        self._latencies.clear()

    @property
    def failing(self) -> bool:
        """Whether the model has failed on several parts in a row."""
        return self.errors_in_a_row >= _FAILING

    def camera_seen(self, camera: Camera) -> bool:
        """Return whether the camera has worked since the start; before that, no interval makes a part."""
        self._camera_seen = self._camera_seen or not camera.fault
        return self._camera_seen

    def summary(self) -> dict[str, Any]:
        """Return all as plain values; latencies in milliseconds, None before the first part."""
        ordered = sorted(self._latencies)
        return {
            "uptime_s": round(self._clock.monotonic() - self._started, 3),
            "parts": self.parts,
            "model_errors": self.model_errors,
            "bundle_parts": self.bundle_parts,
            "bundle_errors": self.bundle_errors,
            "latency_p50_ms": round(ordered[len(ordered) // 2], 3) if ordered else None,
            "latency_p95_ms": round(ordered[int(len(ordered) * 0.95)], 3) if ordered else None,
        }
