"""How the work of a state can end, besides well: `Rejected` and `Unavailable` of the contracts, and these two."""

from __future__ import annotations

from edge_agent.contracts.errors import LinesideError


class Failed(LinesideError):
    """The device cannot install this now, through no fault of the bundle: no space, bad medium, too many tries."""


class Interrupted(LinesideError):
    """Something newer is desired, or the agent ends: leave the work as it stands."""
