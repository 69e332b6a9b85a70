"""A replay from its first part to its last: judges, compares, and keeps what is worth looking at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edge_agent.contracts.errors import LinesideError
from edge_agent.contracts.recipe import Crop
from edge_agent.inference.champion import Model
from edge_agent.inspection import Finding, View
from edge_agent.replay.comparison import Comparison, Pair
from edge_agent.replay.evidence import Evidence, evidence_of
from edge_agent.replay.judging import Judge, word_of
from edge_agent.replay.parts import Recorded

Elder = Callable[[str], Judge | None]
"""Returns the judge with a bundle that a journal names, None where it is not on this device any more."""


@dataclass(frozen=True)
class Heard:
    """Where lines go while a replay runs: one call for each picture, one for each part."""

    picture: Callable[[View, Finding, Model], object]
    part: Callable[[Pair], object]


@dataclass
class Replay:
    """All that a replay found. `changed` holds every part with another verdict; `shown` at most `pictures` of them."""

    judge: Judge
    against: Judge | None = None
    elder: Elder | None = None
    pictures: int = 0
    comparison: Comparison = field(default_factory=Comparison)
    changed: list[Pair] = field(default_factory=list)
    shown: list[Evidence] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        """Median time per picture."""
        ordered = sorted(self.latencies_ms)
        return round(ordered[len(ordered) // 2], 3) if ordered else 0.0

    def run(self, parts: Iterable[Recorded], heard: Heard) -> None:
        """Judge all parts, in their order."""
        for part in parts:
            self._part(part, heard)

    def _part(self, part: Recorded, heard: Heard) -> None:
        finding, serial = self.judge.judge(part)
        before = self.against.judge(part)[0] if self.against is not None else None
        said = word_of(before) if before is not None else part.said
        pair = Pair(part.number, part.name, serial, said, word_of(finding), part.defective)
        self.latencies_ms.extend(view.latency_ms for view in finding.views)
        for view in finding.views:
            heard.picture(view, finding, self.judge.model)
        self.comparison.add(pair)
        heard.part(pair)
        if pair.changed:
            self.changed.append(pair)
            if len(self.shown) < self.pictures:
                self.shown.append(evidence_of(pair, self._earlier(part, before), _seen(finding, self.judge)))

    def _earlier(self, part: Recorded, before: Finding | None) -> tuple[Finding, Crop] | None:
        """Return what the model before saw: the one to compare with, or the one that the journal names."""
        if self.against is not None and before is not None:
            return _seen(before, self.against)
        if self.elder is None or part.bundle is None:
            return None
        judge = self.elder(part.bundle)
        return None if judge is None else _seen(judge.judge(part)[0], judge)


def _seen(finding: Finding, judge: Judge) -> tuple[Finding, Crop]:
    return finding, judge.model.recipe.camera.crop


def elders(load: Callable[[str], Judge]) -> Elder:
    """Return an `Elder` that loads each bundle once; one that cannot be loaded is left out."""
    loaded: dict[str, Judge | None] = {}

    def find(bundle: str) -> Judge | None:
        if bundle not in loaded:
            try:
                loaded[bundle] = load(bundle)
            except LinesideError:
                loaded[bundle] = None
        return loaded[bundle]

    return find
