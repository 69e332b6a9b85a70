"""What every output can do. It is called after the verdict is in the journal, once per part."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import Detail, Reason, Verdict


class Outcome(NamedTuple):
    """A part's final verdict, for the machine behind the station. `verdict` is accept or reject, never review.

    `plc` is how the PLC that sent the part counts it, None where none did. `detail` says more of `reason`.
    """

    boot: str
    seq: int
    serial: str
    verdict: Verdict
    reason: Reason
    plc: PlcPart | None = None
    detail: Detail | None = None


class Output(Protocol):
    """Moves something in the world."""

    def drive(self, outcome: Outcome) -> None:
        """Tell the verdict. Raises Unavailable where the other side is away; it is not tried again."""

    def close(self) -> None:
        """Let go of the other side."""
