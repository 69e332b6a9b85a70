"""How two models that judged the same parts differ, and what people said of it. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import comb
from typing import NamedTuple

from edge_agent.contracts.verdict import Verdict


class Pair(NamedTuple):
    """What both machines thought of a part (review: unsure), and what a person decided, None where nobody was asked."""

    champion: Verdict
    challenger: Verdict
    person: Verdict | None


@dataclass
class Comparison:
    """Counts over the parts that both judged.

    `table` is how often (champion, challenger) thought what; of the parts that a person decided, `champion_wrong` and
    `challenger_wrong` are those where that one alone would have accepted a bad or rejected a good part.
    """

    table: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    decided: int = 0
    champion_wrong: int = 0
    challenger_wrong: int = 0

    @property
    def parts(self) -> int:
        """All parts that both judged."""
        return sum(self.table.values())

    @property
    def agreement(self) -> float | None:
        """Share of the parts of which both thought the same; None without parts."""
        same = sum(count for (one, other), count in self.table.items() if one is other)
        return same / self.parts if self.parts else None

    @property
    def p_value(self) -> float | None:
        """McNemar's exact two-sided test: how likely so uneven a count of errors is for two equally good models."""
        return sign_test(self.champion_wrong, self.challenger_wrong)


def compare(pairs: Iterable[Pair]) -> Comparison:
    """Count what two models made of the same parts."""
    found = Comparison()
    for champion, challenger, person in pairs:
        found.table[champion, challenger] += 1
        if person is None:
            continue
        found.decided += 1
        wrong, also = _wrong(champion, person), _wrong(challenger, person)
        found.champion_wrong += wrong and not also
        found.challenger_wrong += also and not wrong
    return found


def sign_test(one: int, other: int) -> float | None:
    """Return the two-sided probability of a split at least so uneven under a fair coin; None where there is none.

    >>> sign_test(0, 5)
    0.0625
    """
    total = one + other
    if total == 0:
        return None
    tail = sum(comb(total, k) for k in range(min(one, other) + 1))
    return min(1.0, 2.0 * float(tail) / 2.0**total)


def _wrong(machine: Verdict, person: Verdict) -> bool:
    """Return whether the machine alone would have decided wrongly; where it is unsure it asks, and is not wrong."""
    return machine is not Verdict.REVIEW and machine is not person
