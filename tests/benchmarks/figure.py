"""One measured figure with its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """`better` says on which side of the target the value must lie; a target of None is a figure for information."""

    id: str
    what: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["lower", "higher"] = "lower"
    reference: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "lower" else self.value >= self.target

    def as_dict(self) -> dict[str, Any]:
        """Return what is printed as a JSON line."""
        return {
            "figure": self.id,
            "what": self.what,
            "value": round(self.value, 6),
            "unit": self.unit,
            "target": self.target,
            "met": self.met,
            "reference": self.reference,
        }

    def row(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        sign = "≤" if self.better == "lower" else "≥"
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}"
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return (self.id, self.what, f"{self.value:.4g} {self.unit}", target, met, self.reference)
