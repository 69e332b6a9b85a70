"""TFDV's statistics of a table that fits into memory, without Beam and equal to what TFDV on Beam computes.

TFDV's own way in memory counts words by a sketch, which is wrong beyond 4,096 different ones; here they are counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.arrow import arrow_util
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_data_validation.utils import schema_util, stats_util
from tensorflow_data_validation.utils import top_k_uniques_stats_util as words
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.arrow import array_util

_SKETCH = "TopKUniquesSketchStatsGenerator"


def statistics_of(batch: Any, options: Any | None = None) -> Any:
    """Return the DatasetFeatureStatisticsList of a record batch of lists; `options` are `tfdv.StatsOptions`.

    Weighted examples are left to TFDV, sketch and all.
    """
    options = options or tfdv.StatsOptions()
    generators = stats_impl.get_generators(options, in_memory=True)
    exact = not options.example_weight_map.all_weight_features()
    if exact:
        generators = [each for each in generators if type(each).__name__ != _SKETCH]
    parts = stats_impl.generate_partial_statistics_in_memory(batch, options, generators)
    found = stats_impl.extract_statistics_output(parts, generators)
    if exact and options.add_default_generators:
        _add_words(found.datasets[0], batch, options)
    return found


def _add_words(dataset: Any, batch: Any, options: Any) -> None:
    """Add number, most frequent ones and ranks of the words (and of the numbers that the schema calls classes)."""
    schema = options.schema
    classes = schema_util.get_categorical_numeric_feature_types(schema) if schema else {}
    left_out = set(schema_util.get_bytes_features(schema)) if schema else set()
    features = {tuple(feature.path.step): feature for feature in dataset.features}
    for path, column, _ in arrow_util.enumerate_arrays(batch, example_weight_map=None, enumerate_leaves_only=True):
        feature = features.get(path.steps())
        if feature is None or path in left_out or not _has_words(path, column, classes):
            continue
        values, _ = array_util.flatten_nested(column, False)
        counted = _most_frequent(values, max(options.num_top_values, options.num_rank_histogram_buckets))
        made = words.make_feature_stats_proto_topk_uniques(
            path,
            options.num_top_values,
            options.num_rank_histogram_buckets,
            counted[0],
            counted[1],
            frequency_threshold=options.frequency_threshold,
        )
        feature.string_stats.MergeFrom(made.string_stats)


def _has_words(path: Any, column: Any, classes: Mapping[Any, Any]) -> bool:
    kind = stats_util.get_feature_type_from_arrow_type(path, column.type)
    return kind == statistics_pb2.FeatureNameStatistics.STRING or bool(
        words.output_categorical_numeric(classes, path, kind)
    )


def _most_frequent(values: Any, limit: int) -> tuple[int, list[Any]]:
    """Return how many different values there are, and the most frequent ones with their counts; of equals the last."""
    counts = values.value_counts()
    table = pa.table({"value": counts.field("values"), "count": counts.field("counts")})
    order = [("count", "descending"), ("value", "descending")]
    best = table.sort_by(order).slice(0, limit)
    pairs = zip(best["value"].to_pylist(), best["count"].to_pylist(), strict=True)
    return table.num_rows, [words.FeatureValueCount(value, count) for value, count in pairs]
