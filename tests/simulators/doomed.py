"""A station's hot process that dies by SIGKILL, at a chosen point of a chosen part or whenever the test says.

Started by multiprocessing's fork server, so that a process costs milliseconds and is real all the same.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from edge_agent.agent import Hot, Surroundings
from edge_agent.capture.frame import Frame
from edge_agent.challenge.settings import ChallengeConfig, ChallengePart
from edge_agent.channel import LocalChannel
from edge_agent.config import OutputConfig, PlcConfig, StationConfig, TriggerConfig
from edge_agent.contracts.verdict import Verdict
from edge_agent.home import Home
from edge_agent.outputs.gate import GateFile
from edge_agent.outputs.output import Outcome
from tests.simulators.line import GOOD, SCRATCHED, picture

KILL_AT = 3
"""The part during which the process dies."""


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Parade:
    """Parts of two views without end, as fast as they are taken; may die between the views of a part."""

    live = False
    period_s = 0.0

    def __init__(self, deadly: bool) -> None:
        self._deadly = deadly
        self._count = 0
        self._pictures = [picture(GOOD), picture(SCRATCHED)]

    def open(self) -> None:
        """Nothing to connect."""

    def read(self) -> Frame:
        """Return the next view."""
        part, view = divmod(self._count, 2)
        self._count += 1
        if self._deadly and part + 1 == KILL_AT and view == 1:
            die()
        return Frame(self._pictures[part % 2], 0.0, f"p{part}", self._count, view, 2, "", False)

    def close(self) -> None:
        """Nothing to let go of."""


class DeadlyGate(GateFile):
    """The gate file; the process dies right before or right after it moves for the chosen part."""

    def __init__(self, path: Path, point: str) -> None:
        super().__init__(path)
        self._point = point
        self._moves = 0

    def drive(self, outcome: Outcome) -> None:
        """Move, and die at the chosen point."""
        self._moves += 1
        if self._point == "decided" and self._moves == KILL_AT:
            die()
        super().drive(outcome)
        if self._point == "driven" and self._moves == KILL_AT:
            die()


def live(
    home: Path,
    boot: str,
    point: str,
    parts: int,
    started: Any,
    plc_port: int = 0,
    challenge: str = "",
    canary: str = "",
) -> None:
    """Be the hot process. `point`: trigger, decided, driven, or "" to live until `parts` are judged or it is killed.

    With `plc_port` the parts come from the PLC there, which is told the verdicts beside the gate. With `challenge`
    (name=known) this part must be presented first; with `canary` (bundle=share) a challenger decides its share.
    """
    place = Home(home)
    around = Surroundings(source=Parade(point == "trigger"))
    config = StationConfig(outputs=(OutputConfig(kind="gate"),))
    if challenge:
        name, known = challenge.split("=")
        section = ChallengeConfig(parts=(ChallengePart(name=name, known=Verdict(known)),))
        config = config.model_copy(update={"challenge": section})
    if plc_port:
        plc = PlcConfig(host="127.0.0.1", port=plc_port, poll_ms=2)
        config = config.model_copy(update={"plc": plc, "trigger": TriggerConfig(kind="plc")})
    else:
        around.output = DeadlyGate(place.root / "gate.jsonl", point)
    hot = Hot(place, UUID(boot), LocalChannel(), config, around)
    hot.start()
    if canary:
        _challenge(hot, *canary.split("="))
    started.set()
    judged = 0
    while judged < parts:
        judged += hot.step(0.05)
    hot.close()


def _challenge(hot: Hot, bundle: str, share: str) -> None:
    """Let a challenger judge from the first part on."""
    hot._models.obey({"kind": "challenger", "bundle": bundle, "share": float(share)})
    while hot.health()["challenger"] is None:
        hot._models.take_loaded()
        time.sleep(0.005)
