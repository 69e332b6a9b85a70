"""What stations have seen: their windows of one model, merged, with the baseline whose bins they were counted on.

The fleet writes it as a file, and a trainer compares it with the data it learns from (docs/formats/windows.md).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from edge_agent.contracts.encoding import Digest, canonical_json
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Count, Message, Millis
from edge_agent.contracts.strict import Strict
from edge_agent.contracts.window import Baseline, Statistics, Tally


class SeenFeature(Strict):
    """Counts of one feature, as in `Tally`."""

    bins: tuple[Count, ...]
    n: Count
    total: int
    squares: Count
    invalid: Count


class Seen(Message):
    """Merged windows of one bundle that ended between `since_ms` and `until_ms`, of `devices`."""

    model: str
    version: str
    bundle: Digest
    windows: Annotated[int, Field(ge=1)]
    parts: Count
    devices: tuple[str, ...]
    since_ms: Millis
    until_ms: Millis
    baseline: Baseline
    features: dict[str, SeenFeature]
    counters: dict[str, Count] = {}


def seen_features(statistics: Statistics) -> dict[str, SeenFeature]:
    """Return the tallies as they are written."""
    return {
        name: SeenFeature(bins=tuple(t.bins), n=t.n, total=t.total, squares=t.squares, invalid=t.invalid)
        for name, t in statistics.tallies.items()
    }


def tallies_of(seen: Seen) -> dict[str, Tally]:
    """Return the tallies as they are counted with."""
    return {name: Tally(list(f.bins), f.n, f.total, f.squares, f.invalid) for name, f in seen.features.items()}


def encode_seen(seen: Seen) -> bytes:
    """Return the file's content: canonical JSON, the same bytes for the same windows in any order."""
    return canonical_json(seen)


def decode_seen(content: bytes, source: str) -> Seen:
    """Read the file. Raises Rejected naming the source where it is no such file or does not add up."""
    try:
        seen = Seen.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "content"
        raise Rejected(
            f"{source}: no windows of a fleet ({place}: {first['msg']}); make it by 'fleet windows'"
        ) from error
    for feature in seen.baseline.features:
        counted = seen.features.get(feature.name)
        if counted is None or len(counted.bins) != len(feature.edges) + 1 or sum(counted.bins) != counted.n:
            raise Rejected(f"{source}: feature '{feature.name}' does not add up; make it anew by 'fleet windows'")
    return seen
