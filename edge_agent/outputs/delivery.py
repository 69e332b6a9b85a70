"""When a part is told again, when it is given up, and when a person should look: rules without I/O."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.backoff import doubling
from edge_agent.contracts.errors import LinesideError, Rejected

FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 30.0
REFUSALS_MAX = 6
"""A part that its receiver refused this often is skipped; with the pauses between, that is after 3 to 6 seconds."""

FAILURES_UNTIL_FAULT = 6


@dataclass(frozen=True)
class Tries:
    """How telling the next part has gone so far: tries without success in a row, and how many were refusals."""

    failures: int = 0
    refusals: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether the part is to be skipped, so that the others do not wait for ever."""
        return self.refusals >= REFUSALS_MAX

    @property
    def worth_a_fault(self) -> bool:
        """Whether a person should hear of it."""
        return self.failures >= FAILURES_UNTIL_FAULT

    def after(self, error: LinesideError) -> Tries:
        """Return the count after one more failure; Rejected is a refusal of this very part."""
        return Tries(self.failures + 1, self.refusals + isinstance(error, Rejected))

    def pause_s(self, draw: float) -> float:
        """Return the seconds until the next try; `draw` in [0, 1) spreads a crowd."""
        return doubling(FIRST_DELAY_S, LONGEST_DELAY_S, self.failures - 1) * (0.5 + draw / 2)
