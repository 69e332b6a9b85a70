"""The serial of a part: from who asked for it or from a code in its pictures, and whether the journal knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.capture.codes import read_codes, region_of
from edge_agent.clock import Clock
from edge_agent.contracts.recipe import Identity, IdPolicy
from edge_agent.contracts.verdict import Reason
from edge_agent.decision.identity import is_serial, serial_among
from edge_agent.inspection import View
from edge_agent.journal.journal import PartKey

_RESERVE_S = 0.01
"""Left of the part's time for the journal and the output."""


@dataclass(frozen=True)
class Identified:
    """What is written down as the part's serial, and what is wrong with it: `NO_ID`, `DUPLICATE_ID` or None."""

    serial: str
    problem: Reason | None = None


class Known(Protocol):
    """Who remembers serials: the journal."""

    def knows(self, serial: str, part: PartKey, within: int, any_verdict: bool) -> bool:
        """Return whether one of the `within` parts before this one had its serial, see `Journal.knows`."""


class Identification:
    """Finds out which part it is."""

    def __init__(self, known: Known, clock: Clock) -> None:
        self._memory, self._clock = known, clock

    def of(self, key: PartKey, told: str, views: tuple[View, ...], identity: Identity, deadline: float) -> Identified:
        """Identify the part `key`; `told` is what trigger or source call it, `deadline` on the monotonic clock."""
        if identity.source == "none":
            return Identified("")
        if identity.source == "trigger":
            serial = told if is_serial(told, identity.pattern) else ""
        else:
            serial = serial_among(self._codes(views, identity, deadline - _RESERVE_S), identity.pattern)
        if not serial:
            return Identified(told if identity.source == "trigger" else "", Reason.NO_ID)
        return Identified(serial, Reason.DUPLICATE_ID if self._known(key, serial, identity) else None)

    def _codes(self, views: tuple[View, ...], identity: Identity, until: float) -> tuple[str, ...]:
        """Return the serials in a part's pictures; a frozen camera shows those of an earlier part."""
        pictures = [view.frame.picture for view in views if view.failure is not Reason.FROZEN_IMAGE]
        regions = [region_of(picture, identity.region) for picture in pictures if picture is not None]
        return read_codes(regions, identity.formats, lambda text: is_serial(text, identity.pattern), until, self._clock)

    def _known(self, key: PartKey, serial: str, identity: Identity) -> bool:
        if identity.duplicate is IdPolicy.IGNORE:
            return False
        return self._memory.knows(serial, key, identity.duplicate_parts, identity.duplicate_of == "any")
