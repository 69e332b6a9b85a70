"""When the station is Ready: the one place where all that must be right for a part comes together.

Ready means: the model of the ordered recipe is loaded, the camera is there and set as that recipe says, parts can be
written down, the PLC answers, and no challenge part is due. A bundle's ID is the hash of its manifest, which holds the
recipe, the thresholds and the hashes of all blobs, and it is checked when the model is loaded: the right model is
therefore the right thresholds, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.capture.camera import Camera
from edge_agent.challenge.watch import Challenges
from edge_agent.inference.champion import Champion
from edge_agent.line import Line
from edge_agent.recipes.changeover import Changeover

if TYPE_CHECKING:
    from edge_agent.plc.desk import PlcDesk


@dataclass(frozen=True)
class Interlock:
    """Reads what it is given; holds nothing of its own."""

    champion: Champion
    changeover: Changeover
    camera: Camera
    line: Line
    plc: PlcDesk | None
    challenges: Challenges

    @property
    def why(self) -> str:
        """Why a part that comes now will not be judged, "" when it will."""
        return self._machine or self.challenges.why

    @property
    def ready(self) -> bool:
        """Whether a part that comes now will be judged."""
        return self.why == ""

    @property
    def takes_part(self) -> bool:
        """Whether a part may be sent: for production, or as the challenge part that was started."""
        return self._machine == "" and (self.challenges.waits or self.challenges.why == "")

    @property
    def open(self) -> bool:
        """Whether a clock may make parts: not without a model, in a changeover, or while a challenge part is due."""
        due = self.challenges.closed and not self.challenges.waits
        return self.champion.active is not None and not self.changeover.why and not due

    @property
    def fault(self) -> bool:
        """Whether something is broken."""
        return bool(self.camera.fault or self.camera.unset or self.line.trouble)

    @property
    def _machine(self) -> str:
        if self.changeover.why:
            return self.changeover.why
        if self.champion.active is None:
            return "no model is installed"
        if self.camera.fault or self.camera.unset:
            return self.camera.fault or self.camera.unset
        return self.line.trouble or (self.plc.fault if self.plc is not None else "")
