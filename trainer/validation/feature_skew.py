"""Feature skew: the same record in training and in serving data, with other values. Rules only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOLERANCE = 1e-3
Record = Mapping[str, Any]
"""Values of one record by feature: a number, a text, or None where it is missing."""


@dataclass(frozen=True)
class Skew:
    """A feature of which `differing` of `compared` records have another value when served; `examples` are keys."""

    feature: str
    compared: int
    differing: int
    examples: tuple[str, ...]

    @property
    def line(self) -> str:
        """Say it in a line."""
        shown = ", ".join(self.examples)
        return (
            f"{self.feature}: {self.differing} of {self.compared} records have another value in the serving data "
            f"({shown}); prepare both data in the same way"
        )


def feature_skew(
    training: Mapping[str, Record], serving: Mapping[str, Record], without: Sequence[str] = ()
) -> list[Skew]:
    """Compare the records that both have, by key; a value that only one of them has is left to the schema.

    Numbers agree within a thousandth of the larger one (of 1 for small ones).
    """
    both = sorted(training.keys() & serving.keys())
    compared: dict[str, int] = {}
    differing: dict[str, list[str]] = {}
    for key in both:
        for feature in training[key].keys() & serving[key].keys():
            values = training[key][feature], serving[key][feature]
            if feature in without or None in values:
                continue
            compared[feature] = compared.get(feature, 0) + 1
            if not _agree(*values):
                differing.setdefault(feature, []).append(key)
    return [Skew(feature, compared[feature], len(keys), tuple(keys[:3])) for feature, keys in sorted(differing.items())]


def _agree(first: Any, second: Any) -> bool:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return abs(first - second) <= _TOLERANCE * max(abs(first), abs(second), 1.0)
    return bool(first == second)
