"""The degree of automation in force, as the hot process knows it: the journal's last change under the present word."""

from __future__ import annotations

import logging
import sqlite3

from edge_agent.automation.ledger import last_change, record
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Automation
from edge_agent.decision.automation import Change, demotion, followed, in_force
from edge_agent.journal.journal import Journal

_LOOK_EVERY_S = 1.0
_log = logging.getLogger("lineside.automation")


class Degree:
    """Follows instructions and what people changed beside it; one thread uses it."""

    def __init__(self, journal: Journal, clock: Clock, target: Automation) -> None:
        self._journal, self._clock, self._target = journal, clock, target
        self._last: Change | None = None
        self._looked = float("-inf")
        self._word: Automation | None = None

    def under(self, word: Automation) -> Automation:
        """Return the degree that holds under an instruction."""
        return in_force(self._last, word)

    @property
    def lowered(self) -> str:
        """Why the station decides less than it was told to; "" while it does not."""
        return self._last.why if self._last is not None and self._last.demoted else ""

    def look(self, word: Automation, who: str, at_once: bool = False) -> None:
        """Read what others changed, once a second or `at_once`, and write down a new instruction and whose it is."""
        now = self._clock.monotonic()
        if word is self._word and not at_once and now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        try:
            self._last = last_change(self._journal.database)
            change = followed(self._last, word, who)
            if change is not None:
                self._write(change)
            self._word = word
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("the degree of automation cannot be noted: %s", error)

    def demote(self, word: Automation, why: str) -> bool:
        """Let people decide again, and say why; False where they do already."""
        change = demotion(self._last, self.under(word), word, self._target, why)
        if change is None:
            return False
        _log.error("automation goes from %s to %s: %s", change.before.value, change.after.value, why)
        self._last = change
        try:
            self._write(change)
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("the demotion cannot be noted: %s", error)
        return True

    def _write(self, change: Change) -> None:
        with self._journal.database.transaction():
            record(self._journal.database, self._journal.boot, change, self._clock.wall_ms())
        self._last = change
