"""Keeps the write-ahead log short, so that no part has to wait for the disk because of it.

Commits of the hot process never tidy the log; its clock thread does, by this. What it moves into the file is synced to
disk by that, so that a power cut costs about a second of facts.
"""

from __future__ import annotations

from edge_agent.journal.database import Database

EVERY_S = 1.0
LONG_PAGES = 8192
"""A log that has grown to so many pages (8 MB) is tidied to its end, whoever waits for it: where parts follow each
other without a gap there is always one more page, and a log that never starts anew grows for ever."""


class Tidying:
    """Moves the log of `database` into the file whenever something was written since the last time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: tuple[int, int] | None = None

    def step(self) -> None:
        """Tidy once. Raises Unavailable where the journal cannot be written."""
        others, own = self._database.version()
        if (others, own) == self._seen:
            return
        pages, left = self._database.checkpoint()
        if not left or pages >= LONG_PAGES:
            self._database.start_log_anew()
        self._seen = others, self._database.version()[1]
