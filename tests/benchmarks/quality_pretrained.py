"""Q1p to Q3p: as `quality`, of the recipe whose backbone begins with weights that were learned on ImageNet."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.figure import Figure
from tests.benchmarks.quality import measured


def figures() -> Iterator[Figure]:
    """Train once for each fold, then on exposures 1 to 4."""
    yield from measured("magnetic-tile-pretrained", "p")
