"""What another model changes: two verdicts of each part, counted. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

VERDICTS = ("accept", "review", "reject")


@dataclass(frozen=True)
class Word:
    """What a model, or the station with it, says of a part; `score`: probability of defective."""

    verdict: str
    reason: str
    label: str
    score: float | None


@dataclass(frozen=True)
class Pair:
    """A part judged twice. `before` is None where nobody said anything, `defective` where nobody knows."""

    number: int
    name: str
    serial: str
    before: Word | None
    after: Word
    defective: bool | None

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.before is not None and self.before.verdict != self.after.verdict

    @property
    def moved(self) -> float:
        """How far the score went; parts without one come first."""
        if self.before is None or self.before.score is None or self.after.score is None:
            return float("inf")
        return abs(self.after.score - self.before.score)


@dataclass
class Mistakes:
    """Parts whose truth is known: escapes are defective ones accepted, overkill good ones rejected."""

    defective: int = 0
    good: int = 0
    escapes: int = 0
    overkill: int = 0
    asked: int = 0

    def add(self, verdict: str, defective: bool) -> None:
        """Count one part."""
        self.defective += defective
        self.good += not defective
        self.escapes += defective and verdict == "accept"
        self.overkill += not defective and verdict == "reject"
        self.asked += verdict == "review"


@dataclass
class Comparison:
    """Counts over all parts; `moves` maps (before, after) to a number of parts.

    >>> word = Word("accept", "model", "ok", 0.1)
    >>> found = compare([Pair(1, "a", "a", word, Word("reject", "model", "pit", 0.9), True)])
    >>> found.changed, found.agreement, found.before.escapes, found.after.escapes
    (1, 0.0, 1, 0)
    """

    parts: int = 0
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    before: Mistakes = field(default_factory=Mistakes)
    after: Mistakes = field(default_factory=Mistakes)

    def add(self, pair: Pair) -> None:
        """Count one part."""
        self.parts += 1
        self.verdicts[pair.after.verdict] += 1
        if pair.before is not None:
            self.moves[pair.before.verdict, pair.after.verdict] += 1
        if pair.defective is not None:
            self.after.add(pair.after.verdict, pair.defective)
            if pair.before is not None:
                self.before.add(pair.before.verdict, pair.defective)

    @property
    def compared(self) -> int:
        """Number of parts with a verdict before."""
        return sum(self.moves.values())

    @property
    def changed(self) -> int:
        """Number of parts with another verdict."""
        return sum(number for (before, after), number in self.moves.items() if before != after)

    @property
    def agreement(self) -> float | None:
        """Share of parts with the same verdict, 0..1; None where nothing was compared."""
        return None if not self.compared else 1.0 - self.changed / self.compared


def compare(pairs: Iterable[Pair]) -> Comparison:
    """Count pairs."""
    found = Comparison()
    for pair in pairs:
        found.add(pair)
    return found
