"""Whether a variant may leave the house: what the device's runtime answered against what is allowed. Rules only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_SHOWN = 3
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """What is allowed: share of answers that change sides, latency in ms, memory in MB; 0 = measured, not judged."""

    flipped_max: float
    p50_ms: float
    p95_ms: float = 0.0
    memory_mb: float = 0.0


@dataclass(frozen=True)
class Parity:
    """The runtime's answers beside the source model's: largest difference, and the parts that change sides.

    `flipped` of `total` answers are defective for one and good for the other at a probability of one half; `parts` are
    theirs, each once. `unnumbered` answers are no number.
    """

    max_diff: float = 0.0
    flipped: int = 0
    total: int = 0
    parts: tuple[str, ...] = ()
    unnumbered: int = 0


@dataclass(frozen=True)
class Found:
    """What one runtime said: what is wrong with the self-test ("" = nothing), with operators, and how fast it is."""

    runtime: str
    selftest: str = ""
    operators: tuple[str, ...] = ()
    parity: Parity = Parity()
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    memory_mb: float = 0.0


def parity(device: Floats, source: Floats, parts: Sequence[str]) -> Parity:
    """Compare probabilities of a defect (n,), of the device and of the source model, for pictures of `parts`."""
    if not len(device):
        return Parity()
    numbered = np.isfinite(device)
    flipped = ((device >= 0.5) != (source >= 0.5)) | ~numbered
    named = dict.fromkeys(part for part, turned in zip(parts, flipped, strict=True) if turned)
    difference = float(np.abs(device - source)[numbered].max()) if numbered.any() else 1.0
    return Parity(difference, int(flipped.sum()), len(device), tuple(named), int((~numbered).sum()))


def problems(found: Found, limits: Limits) -> list[str]:
    """Say what speaks against the variant, one line each; an empty list blesses it."""
    reasons = [f"self-test failed: {found.selftest}"] if found.selftest else []
    if found.operators:
        reasons.append(f"operators: {_some(found.operators)}; export the model without them")
    seen = found.parity
    if seen.unnumbered:
        reasons.append(f"parity: {seen.unnumbered} of {seen.total} answers are no number; convert another variant")
    elif seen.flipped > limits.flipped_max * seen.total:
        flips = f"{seen.flipped} of {seen.total} answers change sides (largest difference {seen.max_diff:.3f})"
        reasons.append(f"parity: {flips}, parts {_some(seen.parts)}; convert another variant")
    for name, value, limit in (("median", found.p50_ms, limits.p50_ms), ("p95", found.p95_ms, limits.p95_ms)):
        if limit and value > limit:
            reasons.append(f"latency: {name} {value:.1f} ms, allowed {limit:.1f} ms; choose a smaller network")
    if limits.memory_mb and found.memory_mb > limits.memory_mb:
        allowed = f"allowed {limits.memory_mb:.0f} MB"
        reasons.append(f"memory: {found.memory_mb:.0f} MB, {allowed}; choose a smaller network")
    return reasons


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
