"""What a variant must reach to be offered to devices. Rules only: values in, reasons out."""

from __future__ import annotations

from dataclasses import dataclass

from converter.evaluate import Worth

_ALWAYS_ALLOWED = 1


@dataclass(frozen=True)
class Limits:
    """Largest losses against the source model on the same held-out pictures.

    Shares count net losses, and one picture alone decides nothing: with 20 pictures it would be 5 %.
    """

    disagreement: float = 0.05
    accuracy_drop: float = 0.02
    recall_drop: float = 0.02
    float32_difference: float = 1e-3


def failed_gates(variant: str, worth: Worth, limits: Limits) -> list[str]:
    """Return the gates that the variant does not pass, each with what was found and what was allowed."""
    reasons = []
    parity, pictures, defective = worth.parity, worth.accuracy.n, worth.recall.n
    if variant == "float32" and parity.max_diff > limits.float32_difference:
        reasons.append(f"PARITY max difference {parity.max_diff:.2g}>{limits.float32_difference:g}")
    if exceeds(worth.disagreements, pictures, limits.disagreement):
        reasons.append(f"AGREEMENT {parity.agreement:.1%}<{1 - limits.disagreement:.1%}")
    if exceeds(worth.right_lost, pictures, limits.accuracy_drop):
        reasons.append(f"ACCURACY_DROP {worth.right_lost / pictures:.1%}>{limits.accuracy_drop:.1%}")
    if exceeds(worth.defects_lost, defective, limits.recall_drop):
        reasons.append(f"RECALL_DROP {worth.defects_lost / defective:.1%}>{limits.recall_drop:.1%}")
    return reasons


def exceeds(lost: int, of: int, share: float) -> bool:
    """Say whether `lost` of `of` is more than the share allows, one always being allowed."""
    return lost > _ALWAYS_ALLOWED and lost > share * of
