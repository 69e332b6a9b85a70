"""Training data against what stations have counted: both as TFDV's statistics on the windows' own bins.

A histogram that was made elsewhere with other bins would have to be spread over these, and its distance with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.seen import Seen, SeenFeature, seen_features, tallies_of
from edge_agent.contracts.window import Baseline, Feature, Statistics

Values = Mapping[str, npt.NDArray[np.floating[Any]]]


def counted(baseline: Baseline, values: Values) -> dict[str, SeenFeature]:
    """Count values of the baseline's features as a station does; features without values are left out."""
    kept = [feature for feature in baseline.features if feature.name in values]
    total = Statistics.empty(baseline.model_copy(update={"features": tuple(kept)}))
    if kept:
        total.add(baseline.model_copy(update={"features": tuple(kept)}), np.stack([values[f.name] for f in kept], 1))
    return seen_features(total)


def statistics_of(baseline: Baseline, features: Mapping[str, SeenFeature]) -> Any:
    """Return the DatasetFeatureStatisticsList of counts; the outer bins are drawn as wide as their neighbours."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    made = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = made.datasets.add()
    dataset.num_examples = max((f.n + f.invalid for f in features.values()), default=0)
    for feature in baseline.features:
        found = features.get(feature.name)
        if found is not None and found.n:
            _fill(dataset.features.add(), feature, found)
    return made


def _fill(proto: Any, feature: Feature, found: SeenFeature) -> None:
    proto.path.step.append(feature.name)
    proto.type = type(proto).FLOAT
    stats = proto.num_stats
    common = stats.common_stats
    common.num_non_missing = common.tot_num_values = found.n
    common.min_num_values = common.max_num_values = 1
    common.avg_num_values = 1.0
    mean = found.total / found.n
    stats.mean = feature.origin + feature.step * mean
    stats.std_dev = feature.step * math.sqrt(max(found.squares / found.n - mean * mean, 0.0))
    edges = _all_edges(feature.edges)
    filled = [place for place, count in enumerate(found.bins) if count]
    stats.min, stats.max = edges[filled[0]], edges[filled[-1] + 1]
    histogram = stats.histograms.add()
    histogram.type = type(histogram).STANDARD
    for low, high, count in zip(edges, edges[1:], found.bins, strict=False):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)


def _all_edges(inner: Sequence[float]) -> list[float]:
    first, last = (inner[1] - inner[0], inner[-1] - inner[-2]) if len(inner) > 1 else (1.0, 1.0)
    return [inner[0] - first, *inner, inner[-1] + last]


def comparable(schema: Any, names: Sequence[str], limit: float) -> Any:
    """Return the schema of these features alone, as numbers, with a comparator of skew: its own, or `limit`."""
    ready = type(schema)(default_environment=schema.default_environment)
    for feature in schema.feature:
        if feature.name in names:
            kept = ready.feature.add()
            kept.name, kept.type = feature.name, 3
            kept.skew_comparator.CopyFrom(feature.skew_comparator)
            if not feature.HasField("skew_comparator"):
                kept.skew_comparator.jensen_shannon_divergence.threshold = limit
    return ready


def invalid_values(seen: Seen) -> Iterator[str]:
    """Say which features stations could not measure."""
    for name, tally in sorted(tallies_of(seen).items()):
        if tally.invalid:
            yield f"serving: {name} was no number {tally.invalid} times of {tally.n + tally.invalid} at the stations"
