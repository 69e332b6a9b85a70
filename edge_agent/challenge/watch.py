"""Challenge parts in the hot process: which part is one, what is due, and what a failure does."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

from edge_agent.challenge import record
from edge_agent.challenge.settings import ChallengeConfig
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.challenge import Moment, due, failure
from edge_agent.journal.journal import Journal

_LOOK_EVERY_S = 0.5
_log = logging.getLogger("lineside.challenge")


class Challenges:
    """Knows whether production may run. Without a configuration nothing is ever due; a lock holds all the same.

    `failed` hears why a challenge was not passed.
    """

    def __init__(
        self, journal: Journal, clock: Clock, config: ChallengeConfig | None, failed: Callable[[str], None]
    ) -> None:
        self._journal, self._clock, self._config, self._failed = journal, clock, config, failed
        self._looked = float("-inf")
        self._bundle, self._recipe = "", ""
        self.why, self.code, self.armed = "", "", ""

    @property
    def closed(self) -> bool:
        """Whether production parts are rejected unseen."""
        return bool(self.why)

    @property
    def waits(self) -> bool:
        """Whether the next triggered part is taken for a challenge part."""
        return bool(self.armed)

    def look(self, bundle: str, at_once: bool = False, recipe: str | None = None) -> None:
        """Read lock, passes and what was started; twice a second, `at_once`, and when the model has changed.

        `recipe` is the model's name, None where it is the one of before.
        """
        now = self._clock.monotonic()
        idle = self._config is None and not self.closed
        if bundle == self._bundle and not at_once and (idle or now - self._looked < _LOOK_EVERY_S):
            return
        self._looked, self._bundle = now, bundle
        self._recipe = self._recipe if recipe is None else recipe
        try:
            self._read()
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("challenge parts cannot be looked up: %s", error)

    def _read(self) -> None:
        database = self._journal.database
        lock = record.locked(database)
        self.armed = "" if lock or self._config is None else record.armed(database)
        self.why, self.code = "", ""
        if lock is not None:
            self.why, self.code = f"locked since challenge part {lock.name} failed: {lock.why}", "locked"
        elif self._config is not None and self._bundle:
            last = int(database.rows("last_part")[0][0])
            changed = database.row("last_changeover") if self._config.at_model_change else None
            passes = record.passes(database, int(changed[-1]) if changed else 0)
            names = self._config.names_for(self._recipe)
            waiting = due(names, passes, self._moment(last), self._config.schedule)
            if waiting:
                self.why = "; ".join(f"challenge part {name} {why}" for name, why in waiting)
                self.code = "challenge"

    def _moment(self, part: int) -> Moment:
        boot = str(self._journal.boot)
        return Moment(part, boot, self._bundle, self._clock.monotonic(), self._clock.wall_ms())

    def name_of(self, serial: str) -> str:
        """Return which challenge part a triggered part is, by what was started or by its serial; "" for none."""
        if self._config is None or self.code == "locked":
            return ""
        self.look(self._bundle, at_once=True)
        return self.armed or (serial if serial in self._config.names else "")

    def admits(self, serial: str) -> bool:
        """Return whether a part may be looked at now: in production, or because it is a challenge part."""
        return not self.closed or self.name_of(serial) != ""

    def presented(self, name: str) -> Callable[[int], None] | None:
        """Return what notes a part as this challenge part, in the transaction of its trigger."""
        if not name or self._config is None:
            return None
        known = self._config.known(name)
        return lambda part: record.present(self._journal.database, name, known, self._moment(part))

    def recognised(self, part: int, serial: str) -> str:
        """Note a part whose serial was read from its picture as the challenge part of that name; "" for none."""
        if self._config is None or serial not in self._config.names:
            return ""
        with self._journal.database.transaction():
            record.present(self._journal.database, serial, self._config.known(serial), self._moment(part))
        return serial

    def conclude(self, part: int, name: str, opinion: Verdict | None, trouble: Reason | None) -> None:
        """Note whether the challenge was passed. A failure locks the station."""
        assert self._config is not None
        why = failure(self._config.known(name), opinion, trouble)
        record.conclude(self._journal.database, self._journal.boot, name, part, why, self._clock.wall_ms())
        _log.log(logging.ERROR if why else logging.INFO, "challenge part %s: %s", name, why or "passed")
        if why:
            self._failed(f"challenge part {name} failed: {why}")
        self.look(self._bundle, at_once=True)
