"""What a challenger makes of a part that the champion has looked at already."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

from edge_agent.capture.frame import Frame
from edge_agent.clock import Clock
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.verdict import Ruling
from edge_agent.inference.champion import Model
from edge_agent.inspection import Finding, Inspector
from edge_agent.journal.facts import SecondOpinion

_SLICE_S = 0.002
"""How often it is looked whether another part has come meanwhile."""

_BROKEN = Ruling(Verdict.REJECT, Reason.MODEL_ERROR)


class Hearing:
    """A challenger looks at one part in a thread of its own: one that is slow, or hangs, keeps nobody waiting."""

    def __init__(self, part: int, frames: Sequence[Frame], model: Model, clock: Clock) -> None:
        self.part = part
        self.finding: Finding | None = None
        self._frames, self._model, self._clock = frames, model, clock
        self._done = threading.Event()
        threading.Thread(target=self._look, name="challenger", daemon=True).start()

    def _look(self) -> None:
        try:
            self.finding = looked_at(self._frames, self._model, self._clock)
        finally:
            self._done.set()

    def wait(self, seconds: float, pressed: Callable[[], bool] = lambda: False) -> bool:
        """Return whether it has ended, after at most so many seconds; when `pressed` nobody waits any longer."""
        until = self._clock.monotonic() + seconds
        while not self._done.wait(max(0.0, min(_SLICE_S, until - self._clock.monotonic()))):
            if self._clock.monotonic() >= until or pressed():
                return False
        return True

    @property
    def opinion(self) -> SecondOpinion:
        """What it thinks, once it has ended; a thread that broke is a model that failed."""
        return opinion_of(self._model, self.finding)


def looked_at(frames: Sequence[Frame], model: Model, clock: Clock) -> Finding:
    """Return what a model finds in a part's frames, without a deadline and as if the machine decided alone."""
    return Inspector(clock).inspect(frames, model, Automation.PARTIAL, math.inf)


def opinion_of(model: Model, found: Finding | None) -> SecondOpinion:
    """Return what a model thinks by what it has found; None: it broke while it looked."""
    ruling = found.ruling if found is not None else _BROKEN
    score, label = (found.score, found.label) if found is not None else (None, "")
    return SecondOpinion(model.bundle, ruling.verdict, ruling.reason, score, label)
