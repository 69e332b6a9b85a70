"""A second model that judges the same parts unheard, beside the champion, whenever no part waits.

It moves no output and holds no part up: what it thinks goes into the journal, next to the champion's verdict. A part
that came too soon after the one before is skipped and counted.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Automation
from edge_agent.inference.champion import Model
from edge_agent.inspection import Finding, Inspector
from edge_agent.journal.facts import SecondOpinion
from edge_agent.journal.journal import Journal

SKIPPED = "challenger.skipped"
_log = logging.getLogger("lineside.challenger")


class _Pending(NamedTuple):
    part: int
    finding: Finding


class Challenger:
    """Holds the challenger's model, None while there is none. `wanted` is the bundle that shall be it."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.model: Model | None = None
        self.wanted: str | None = None
        self._journal, self._clock = journal, clock
        self._pending: _Pending | None = None

    def want(self, bundle: str | None) -> bool:
        """Take note of the bundle that shall judge beside the champion; True where it has to be loaded first."""
        if bundle == self.wanted:
            return False
        self.model, self._pending, self.wanted = None, None, bundle
        return bundle is not None

    def take(self, model: Model) -> None:
        """Let `model` judge from the next part on."""
        self.model = model

    def offer(self, part: int, finding: Finding) -> None:
        """Remember a part that the champion has judged by its pictures."""
        if self.model is None or not any(view.inference for view in finding.views):
            return
        if self._pending is not None:
            self._write(lambda: self._journal.raise_tally(SKIPPED))
        self._pending = _Pending(part, finding)

    def judge(self) -> bool:
        """Judge the part that waits for a second opinion; False where none does."""
        pending, model = self._pending, self.model
        if pending is None or model is None:
            return False
        self._pending = None
        frames = [view.frame for view in pending.finding.views]
        found = Inspector(self._clock).inspect(frames, model, Automation.PARTIAL, math.inf)
        opinion = SecondOpinion(model.bundle, found.ruling.verdict, found.ruling.reason, found.score, found.label)
        self._write(lambda: self._journal.second_opinion(pending.part, opinion))
        return True

    def _write(self, statement: Callable[[], None]) -> None:
        try:
            statement()
        except Unavailable as error:
            _log.warning("the challenger's opinion is not written down: %s", error)
