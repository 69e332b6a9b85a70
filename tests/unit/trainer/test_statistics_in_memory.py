"""Statistics in memory are those of TFDV on Beam, to the last bit: histograms, quantiles, words and their ranks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_data_validation as tfdv
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tests.simulators.batches import record_batch
from trainer.beam.tfdv_in_memory import statistics_of
from trainer.samples.sensors import SENSORS, sensor_rows

ROWS = 5000
"""More different parts than TFDV's sketch in memory can count."""


def table() -> dict[str, Any]:
    rows = list(sensor_rows(ROWS, 1))
    found: dict[str, Any] = {name: np.asarray([row[name] for row in rows], np.float32) for name in SENSORS}
    found |= {name: [row[name] for row in rows] for name in ("part", "machine", "material", "label")}
    found["vibration_mm_s"][7] = math.nan
    found["material"][3] = None
    found["cavity"] = np.random.default_rng(1).integers(1, 9, ROWS)
    found["note"] = [None] * ROWS
    return found


def on_beam(batch: Any, options: tfdv.StatsOptions, folder: Path) -> Any:
    path = folder / "statistics.pb"
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        data = pipeline | beam.Create([batch], reshuffle=False)
        _ = data | tfdv.GenerateStatistics(options) | tfdv.WriteStatisticsToBinaryFile(str(path))
    found = statistics_pb2.DatasetFeatureStatisticsList()
    found.ParseFromString(path.read_bytes())
    return found


def schema() -> schema_pb2.Schema:
    made = schema_pb2.Schema()
    cavity = made.feature.add(name="cavity", type=schema_pb2.INT)
    cavity.int_domain.is_categorical = True
    return made


@pytest.mark.parametrize("known", [None, schema()], ids=["without schema", "with a class that is a number"])
def test_every_feature_is_what_beam_finds(tmp_path: Path, known: schema_pb2.Schema | None) -> None:
    options = tfdv.StatsOptions(schema=known)
    batch = record_batch(table())
    ours, theirs = (made.datasets[0] for made in (statistics_of(batch, options), on_beam(batch, options, tmp_path)))
    assert ours.num_examples == theirs.num_examples == ROWS
    expected = {tuple(feature.path.step): feature for feature in theirs.features}
    assert {tuple(feature.path.step) for feature in ours.features} == set(expected)
    for feature in ours.features:
        assert feature == expected[tuple(feature.path.step)]
    parts = next(feature for feature in ours.features if feature.path.step[0] == "part")
    assert parts.string_stats.unique == ROWS
    assert {bucket.sample_count for bucket in parts.string_stats.rank_histogram.buckets} == {1}


def test_the_same_table_gives_the_same_bytes() -> None:
    made = [statistics_of(record_batch(table())).SerializeToString(deterministic=True) for _ in range(2)]
    assert made[0] == made[1]


def test_weighted_examples_keep_their_weights() -> None:
    options = tfdv.StatsOptions(weight_feature="weight")
    columns = {"machine": ["T1", "T1", "T2"], "weight": np.asarray([1.0, 1.0, 8.0], np.float32)}
    found = statistics_of(record_batch(columns), options)
    machine = next(feature for feature in found.datasets[0].features if feature.path.step[0] == "machine")
    assert machine.string_stats.top_values[0].value == "T1"
    assert machine.string_stats.weighted_string_stats.top_values[0].value == "T2"
