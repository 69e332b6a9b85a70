"""Tickets whose training ended without a blessed model, so that a watching trainer does not try the same all day."""

from __future__ import annotations

import time
from collections.abc import Callable

from edge_agent.contracts.encoding import digest_bytes

PAUSE_S = 3600.0


class Tried:
    """What was tried in vain since the process began, by ticket. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}

    def note(self, ticket: str, labels: bytes) -> None:
        """Remember that a training with these labels (the ticket's `labels.csv`) brought nothing."""
        self._known[ticket] = (digest_bytes(labels), self._clock())

    def waits(self, ticket: str, labels: Callable[[], bytes]) -> bool:
        """Say whether another try would be the same: no hour is over, and nobody has labelled anything since."""
        digest, at = self._known.get(ticket, ("", 0.0))
        return bool(digest) and self._clock() - at < PAUSE_S and digest_bytes(labels()) == digest
