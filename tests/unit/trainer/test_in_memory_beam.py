"""The runner for small data computes what Beam's own runner does, TensorFlow Transform's analysis included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from apache_beam.coders import VarIntCoder
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from trainer.beam import in_memory as in_memory_beam
from trainer.beam import tfma_metrics
from trainer.beam.in_memory import InMemoryRunner
from trainer.beam.tft_in_memory import analyse
from trainer.samples.sensors import MACHINES, SENSORS, sensor_rows

WORDS = ("machine", "material", "label")


class Sorting(beam.DoFn):
    """Puts odd numbers elsewhere, and how many there were when the bundle ends."""

    def setup(self) -> None:
        self.seen = 0

    def process(self, element: int, limit: int) -> Iterator[Any]:
        self.seen += 1
        if element % 2:
            yield beam.pvalue.TaggedOutput("odd", element)
        elif element < limit:
            yield element


class Remembering(beam.DoFn):
    """A function with state."""

    LAST = beam.DoFn.StateParam(ReadModifyWriteStateSpec("last", VarIntCoder()))

    def process(self, element: Any, last: Any = LAST) -> Iterator[Any]:
        yield element


def described(runner: Any, folder: Path) -> str:
    """Run a pipeline of all that is known and return what it wrote."""
    with beam.Pipeline(runner=runner) as pipeline:
        numbers = pipeline | beam.Create([5, 2, 9, 4, 4, 7])
        largest = numbers | beam.CombineGlobally(max)
        sorted_ = numbers | beam.ParDo(Sorting(), beam.pvalue.AsSingleton(largest)).with_outputs("odd", main="even")
        both = (sorted_.even, sorted_.odd) | beam.Flatten()
        counts = both | beam.Reshuffle() | beam.combiners.Count.PerElement()
        table = counts | beam.Map(lambda pair, all_: f"{pair} {sorted(all_)}", beam.pvalue.AsList(both))
        groups = both | beam.GroupBy(lambda number: number % 3) | beam.MapTuple(lambda k, v: f"{k} {sorted(v)}")
        empty = both | beam.Filter(lambda number: number > 99) | beam.CombineGlobally(sum) | beam.Map(str)
        lines = (table, groups, empty) | "all" >> beam.Flatten() | beam.combiners.ToList() | beam.Map(sorted)
        _ = lines | beam.Map(lambda found: (folder / "found").write_text("\n".join(found)))
    return (folder / "found").read_text()


def test_the_runner_computes_what_beams_own_does(tmp_path: Path) -> None:
    assert described(InMemoryRunner(), tmp_path) == described(FnApiRunner(), tmp_path)


def test_what_needs_more_than_a_list_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="with state is not run in memory"),
        beam.Pipeline(runner=InMemoryRunner()) as p,
    ):
        _ = p | beam.Create([("a", 1)]) | beam.ParDo(Remembering())


def preprocessing(inputs: dict[str, Any]) -> dict[str, Any]:
    """Use one analyzer of each kind."""
    outputs = {name: tft.scale_to_z_score(inputs[name]) for name in SENSORS[:3]}
    outputs["wear"] = tft.bucketize(inputs["tool_wear_um"], 5)
    outputs["range"] = tft.scale_to_0_1(inputs["cycle_time_s"])
    outputs["pressure"] = tft.scale_to_z_score(tft.sparse_tensor_to_dense_with_shape(inputs["gaps"], [None, 1]))
    for name in WORDS:
        outputs[name] = tft.compute_and_apply_vocabulary(inputs[name], top_k=3, num_oov_buckets=1, vocab_filename=name)
    outputs["per_machine"] = tft.scale_to_z_score_per_key(inputs["feed_force_n"], inputs["machine"])
    return outputs


def test_transform_learns_what_it_learns_on_beam(tmp_path: Path) -> None:
    rows = list(sensor_rows(400, 1))
    columns: dict[str, Any] = {name: np.asarray([row[name] for row in rows], np.float32) for name in SENSORS}
    columns |= {name: [row[name].encode() for row in rows] for name in WORDS}
    columns["gaps"] = [None if n % 7 == 0 else float(n) for n in range(400)]
    spec: dict[str, Any] = {name: tf.io.FixedLenFeature([], tf.float32) for name in SENSORS}
    spec |= {name: tf.io.FixedLenFeature([], tf.string) for name in WORDS}
    spec["gaps"] = tf.io.VarLenFeature(tf.float32)
    analyse(preprocessing, columns, spec, tmp_path / "memory")
    analyse(preprocessing, columns, spec, tmp_path / "beam", FnApiRunner())
    raw: dict[str, Any] = {name: tf.constant(values) for name, values in columns.items() if name != "gaps"}
    raw["gaps"] = tf.sparse.from_dense(np.arange(400, dtype=np.float32)[:, None])
    found = [tft.TFTransformOutput(str(tmp_path / name)) for name in ("memory", "beam")]
    ours, theirs = (each.transform_features_layer()(dict(raw)) for each in found)
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, err_msg=name)
    assert found[0].vocabulary_by_name("machine") == found[1].vocabulary_by_name("machine")
    assert len(set(found[0].vocabulary_by_name("machine"))) == len(MACHINES) - 1
    assert found[0].transformed_feature_spec() == found[1].transformed_feature_spec()


def test_model_analysis_finds_what_it_finds_on_beam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(1)
    scores, defective = draw.random(200), draw.random(200) < 0.3
    slices = {"shift": [("early", "late")[n % 2] for n in range(200)]}
    ours = tfma_metrics.analyse(scores, defective, slices, tmp_path / "memory")
    monkeypatch.setattr(in_memory_beam, "InMemoryRunner", FnApiRunner)
    assert tfma_metrics.analyse(scores, defective, slices, tmp_path / "beam") == ours
    assert set(ours) == {"overall", "shift=early", "shift=late"}


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")
def test_a_slice_of_one_kind_has_no_auc(tmp_path: Path) -> None:
    scores, defective = np.array([0.1, 0.9, 0.2, 0.3]), np.array([False, True, False, False])
    found = tfma_metrics.analyse(scores, defective, {"station": ["Süd", "Süd", "<b>", "<b>"]}, tmp_path)
    assert (found["overall"]["auc"], found["station=Süd"]["auc"]) == (pytest.approx(1.0), pytest.approx(1.0))
    assert "auc" not in found["station=<b>"]
    assert found["station=<b>"]["example_count"] == 2
