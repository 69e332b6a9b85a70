"""Who gets a new version when, and what that can prove: rules without I/O."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.contracts.bounds import upper_bound
from edge_agent.contracts.errors import Rejected

DEFAULT_LATER = ("25%", "100%")
CONFIDENCE = 0.95
_SHARE = re.compile(r"^(\d+(?:\.\d+)?)(%?)$")


@dataclass(frozen=True)
class Candidate:
    """A device that may take part."""

    id: str
    site: str
    line: str
    device_class: str
    online: bool = True


def share(text: str, total: int) -> int:
    """Return how many of `total` devices '5%' (rounded up) or '3' means, at least one. Raises Rejected."""
    if total < 1:
        raise Rejected("no device is in scope; enrol devices or widen --where")
    match = _SHARE.match(text.strip())
    number = float(match[1]) if match else 0.0
    if match is None or number <= 0 or (match[2] and number > 100) or (not match[2] and not number.is_integer()):
        raise Rejected(f"'{text}' is no share of the devices; say '5%' or a whole number")
    wanted = math.ceil(round(number * total / 100, 9)) if match[2] else int(number)
    return max(1, min(total, wanted))


def stage_names(canary: str | None, stages: str | None, total: int) -> list[str]:
    """Return the stages as named: `stages` as given, else the canary and those of the default that are larger."""
    if stages is not None:
        return [name.strip() for name in stages.split(",") if name.strip()]
    first = canary or "5%"
    return [first, *(name for name in DEFAULT_LATER if share(name, total) > share(first, total))]


def stage_sizes(names: Sequence[str], total: int) -> list[int]:
    """Return the cumulative number of devices at the end of each stage; the last one has all of them.

    Stages that would add nobody are dropped. Raises Rejected for shares that do not grow or an empty fleet.
    """
    sizes = [share(name, total) for name in names]
    if not sizes or sorted(sizes) != sizes:
        raise Rejected(f"stages {', '.join(names) or '(none)'} must grow from one to the next")
    return sorted({*sizes, total})


def draw(candidates: Sequence[Candidate], rng: random.Random) -> list[str]:
    """Return all devices in an order of which every beginning holds each (site, line, class) by its share.

    Within a stratum of n devices the i-th of a random order gets the place (i + u) / n with one random u per
    stratum: systematic sampling. Devices that are offline now come last, for a silent canary proves nothing.
    """
    strata: dict[tuple[bool, str, str, str], list[str]] = defaultdict(list)
    for device in sorted(candidates, key=lambda c: c.id):
        strata[(not device.online, device.site, device.line, device.device_class)].append(device.id)
    placed: list[tuple[bool, float, float, str]] = []
    for (offline, *_), members in sorted(strata.items()):
        rng.shuffle(members)
        offset = rng.random()
        placed += [(offline, (i + offset) / len(members), rng.random(), name) for i, name in enumerate(members)]
    return [name for *_, name in sorted(placed)]


def assign(order: Sequence[str], sizes: Sequence[int]) -> dict[str, int]:
    """Return the stage (from 0) of each device of an ordered fleet."""
    stages: dict[str, int] = {}
    for stage, end in enumerate(sizes):
        for name in order[len(stages) : end]:
            stages[name] = stage
    return stages


def can_prove(canary: int, total: int) -> dict[str, Any]:
    """Return, for people and machines, what `canary` devices without a failure say about `total`."""
    bound = upper_bound(0, canary, CONFIDENCE)
    caught = {f"{rate:.0%}": round(1 - (1 - rate) ** canary, 4) for rate in (0.01, 0.05, 0.1, 0.25)}
    share_text = f"{bound:.1%}" if bound >= 0.001 else f"{bound:.2%}"
    return {
        "devices": canary,
        "of": total,
        "confidence": CONFIDENCE,
        "failure_rate_below": round(bound, 4),
        "chance_to_catch": caught,
        "text": f"{canary} of {total} devices without a failure prove, with {CONFIDENCE:.0%} confidence, "
        f"that fewer than {share_text} of all would fail",
    }
