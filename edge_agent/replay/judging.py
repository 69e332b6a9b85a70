"""Judges a recorded part as the station would have: guards, model, thresholds, automation, identity.

There is no deadline: a recorded part waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.identity import ruling_on_identity
from edge_agent.decision.verdict import Ruling
from edge_agent.identification import Identification, Known
from edge_agent.inference.champion import Model, load_model
from edge_agent.inspection import Finding, Inspector
from edge_agent.journal.journal import PartKey
from edge_agent.journal.reader import Reader
from edge_agent.replay.comparison import Word
from edge_agent.replay.parts import Recorded

_NO_BOOT = UUID(int=0)


def open_model(bundle: Path, device_class: str, threads: int) -> Model:
    """Load a bundle's variant for a class of device. Raises Rejected for a damaged bundle."""
    folder = BundleFolder(bundle)
    problems = folder.problems(folder.open().blobs_for(device_class))
    if problems:
        raise Rejected(f"{bundle}: {problems[0]}; fetch the bundle again")
    return load_model(folder, device_class, threads)


@dataclass
class Roll:
    """The serials of one replay, for pictures that no journal speaks of."""

    seen: dict[str, list[tuple[int, Verdict]]] = field(default_factory=dict)

    def knows(self, serial: str, part: PartKey, within: int, any_verdict: bool) -> bool:
        """Return whether one of the `within` parts before had it and was not rejected, or was judged at all."""
        earlier = self.seen.get(serial, [])
        return any(n >= part.id - within and (any_verdict or said is not Verdict.REJECT) for n, said in earlier)

    def note(self, serial: str, number: int, verdict: Verdict) -> None:
        """Remember a part."""
        if serial:
            self.seen.setdefault(serial, []).append((number, verdict))


@dataclass(frozen=True)
class History:
    """The serials that a journal knew when a part came."""

    reader: Reader

    def knows(self, serial: str, part: PartKey, within: int, any_verdict: bool) -> bool:
        """Return what `Journal.knows` would have said."""
        row = self.reader.row("serial_before", serial=serial, part=part.id, since=part.id - within, any=any_verdict)
        return row is not None


class Judge:
    """One model and what it remembers from part to part. `automation` None: the degree of the model's recipe."""

    def __init__(self, model: Model, automation: Automation | None, clock: Clock, known: Known | None = None) -> None:
        self.model = model
        self._automation = automation or model.recipe.automation
        self._inspector = Inspector(clock)
        self._roll = Roll()
        self._identification = Identification(known or self._roll, clock)

    def judge(self, part: Recorded) -> tuple[Finding, str]:
        """Return what is found and the part's serial."""
        recipe = self.model.recipe
        finding = self._inspector.inspect(part.frames, self.model, self._automation, math.inf)
        if len(part.frames) < (part.views or recipe.views.count):
            return finding._replace(ruling=Ruling(Verdict.REJECT, Reason.NO_IMAGE), score=None), part.told
        key = PartKey(part.number, _NO_BOOT, part.number)
        found = self._identification.of(key, part.told, finding.views, recipe.identity, math.inf)
        ruling = ruling_on_identity(finding.ruling, found.problem, recipe.identity, self._automation, late=False)
        self._roll.note(found.serial, part.number, ruling.verdict)
        return finding._replace(ruling=ruling), found.serial


def word_of(finding: Finding) -> Word:
    """Return a finding in the words of a comparison."""
    ruling = finding.ruling
    return Word(ruling.verdict.value, ruling.reason.value, finding.label, finding.score)
