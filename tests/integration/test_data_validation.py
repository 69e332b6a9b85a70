"""The data's way from a folder to its validation, over several deliveries: splits stay, spans are compared."""

import json

import numpy as np
import pytest

from tests.simulators.data_steps import encoded, make_folder, picture, run_data_steps, splits, told, write_table
from trainer.data.picture_columns import columns

pytestmark = pytest.mark.slow
PARTS = 48


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """Three spans of a plant's data, the second in two versions; the last is darker."""
    base = tmp_path_factory.mktemp("plant")
    make_folder(base / "span-1" / "v1", PARTS)
    make_folder(base / "span-2" / "v1", 4, first=900)
    make_folder(base / "span-2" / "v2", PARTS, first=100)
    make_folder(base / "span-3" / "v1", PARTS, first=200, brightness=90)
    return base


@pytest.fixture(scope="module")
def runs(plant, tmp_path_factory):
    """The artifacts of a run on span 1, span 2, span 3 with limits, and all spans, in one root."""
    root = tmp_path_factory.mktemp("root")
    folder = [plant / "span-{SPAN}" / "v{VERSION}"]
    limits = ("example_validator.drift_numeric=0.3", "example_validator.drift_categorical=0.2")
    return {
        "1": run_data_steps(folder, root, "spans=1"),
        "2": run_data_steps(folder, root, "spans=2"),
        "3": run_data_steps(folder, root, *limits),
        "all": run_data_steps(folder, root, "spans=all"),
    }


def test_what_was_chosen_is_in_the_examples_properties(runs):
    properties = runs["2"]["ExampleGen.examples"].properties
    assert (properties["span"], properties["version"]) == (2, 2)
    assert properties["reasons"] == ["span 2 version 2"]
    assert json.loads(runs["all"]["ExampleGen.examples"].properties["spans"]) == [
        {"folder": 0, "span": 1, "version": 1},
        {"folder": 1, "span": 2, "version": 2},
        {"folder": 2, "span": 3, "version": 1},
    ]


def test_adding_data_moves_no_part_between_splits(runs):
    after = splits(runs["all"])
    assert len(after) == 3 * PARTS
    assert {part: after[part] for part in splits(runs["3"])} == splits(runs["3"])


def test_a_span_is_compared_with_the_one_before_it_and_blocks_where_it_is_too_far(runs):
    assert told(runs["1"])["distances"] == []
    near = {one["feature"]: one for one in told(runs["2"])["distances"]}
    assert near["brightness"]["limit"] == 1e9
    assert near["exposure"] == {
        "feature": "exposure",
        "against": "drift",
        "measure": "L_INFTY",
        "value": 0.0,
        "limit": 1e9,
    }
    assert runs["2"]["ExampleValidator.anomalies"].blessed
    assert not runs["3"]["ExampleValidator.anomalies"].blessed
    (line,) = [one for one in told(runs["3"])["blocking"] if one.startswith("train: brightness")]
    assert "Jensen-Shannon divergence between current and previous" in line
    assert "accept it: trainer schema accept --root ROOT --feature brightness --drift 1" in line


def test_the_same_again_is_cached(plant, runs, tmp_path):
    assert runs["2"]["ExampleValidator.anomalies"].digest
    root = runs["2"]["ExampleGen.examples"].path.parents[2]
    again = run_data_steps([plant / "span-{SPAN}" / "v{VERSION}"], root, "spans=2")
    assert again["ExampleValidator.anomalies"].digest == runs["2"]["ExampleValidator.anomalies"].digest


def test_production_that_differs_is_told_by_distribution_and_by_record(plant, tmp_path):
    production = tmp_path / "production"
    (production / "images").mkdir(parents=True)
    rows = []
    for part in range(PARTS):
        name = f"images/{2 * part}.png"
        (production / name).write_bytes(encoded(picture(2 * part)))
        rows.append({"image": name, "part": f"p{part}", "exposure": "0", "brightness": ""})
    rows[5]["brightness"] = "17.5"
    write_table(production, rows)
    settings = ("spans=1", f"example_validator.serving={production}", "example_validator.skew_categorical=0.3")
    known = run_data_steps([plant / "span-{SPAN}" / "v{VERSION}"], tmp_path / "root", *settings)
    blocking = told(known)["blocking"]
    (skew,) = [line for line in blocking if line.startswith("train: exposure")]
    assert "Linfty distance between training and serving is 0.5" in skew
    assert "--skew 0.5" in skew
    (feature,) = [line for line in blocking if line.startswith("serving: brightness")]
    assert f"1 of {PARTS} records have another value in the serving data (p5 images/10.png)" in feature
    assert not [line for line in blocking if "label" in line]
    measured = {(one["against"], one["feature"]) for one in told(known)["distances"]}
    assert ("skew", "sharpness") in measured


def test_statistics_are_the_same_in_memory_and_on_beam(runs):
    from trainer.components.statistics_gen import in_memory, on_beam

    examples = runs["all"]["ExampleGen.examples"].path
    assert in_memory(examples, "train", ["label"]) == on_beam(examples, "train", ["label"])


def test_slices_add_up_to_the_whole(runs):
    from trainer.components.statistics_gen import load_statistics

    found = load_statistics(runs["all"]["StatisticsGen.statistics"].path, "train")
    counts = {dataset.name: int(dataset.num_examples) for dataset in found.datasets}
    assert found.datasets[0].name == "All Examples"
    whole = counts.pop("All Examples")
    for column in ("label", "exposure"):
        assert sum(count for name, count in counts.items() if name.startswith(column)) == whole
    assert whole == len(columns(runs["all"]["ExampleGen.examples"].path, "train")["label"])
    assert np.isfinite([feature.num_stats.mean for feature in found.datasets[0].features]).all()


@pytest.mark.fault("T05")
def test_a_column_of_a_table_that_later_data_lacks_blocks_and_a_missing_cell_does_not():
    import tensorflow_data_validation as tfdv

    from tests.simulators.batches import record_batch
    from trainer.components.schema_gen import TRAINING, inferred
    from trainer.components.statistics_gen import of_table

    force = [1.0, 2.0, None, 4.0] * 5
    station = ["A", None, None, None] * 5
    label = ["ok", "pit"] * 10
    rules = {"label": "label", "only_training": ["label"], "always": ["label"], "needed_from": 0.5, "ranges": {}}
    train = of_table(record_batch({"force": force, "station": station, "label": label}))
    schema = inferred(train, ["ok", "pit"], rules)

    def anomalies(**columns):
        later = of_table(record_batch(columns))
        return set(tfdv.validate_statistics(later, schema, environment=TRAINING).anomaly_info)

    assert anomalies(force=[None, 3.0], station=["A", "B"], label=["ok", "pit"]) == set()
    assert anomalies(force=[2.0, 3.0], label=["ok", "pit"]) == set()
    assert anomalies(station=["A", "B"], label=["ok", "pit"]) == {"force"}
