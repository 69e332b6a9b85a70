"""Numbered fault cases of tables, on the components as the worker calls them."""

import importlib
import inspect
import json

import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import load_recipe
from tests.simulators.sensor_table import write_table
from trainer.components.schema_gen import SERVING, TRAINING, load_schema
from trainer.pipeline.driver import Driver
from trainer.pipeline.recipes import RECIPES
from trainer.pipeline.settings import ExampleGenSettings, Settings, TableSettings, TransformSettings
from trainer.pipeline.step import Context
from trainer.tabular.examples import encoded, read_split
from trainer.tabular.files import TableFile
from trainer.tabular.read import read_rows
from trainer.tabular.values import PART, ROW, Layout, as_numbers, typed
from trainer.tasks.order import DATA, Order
from trainer.tasks.tabular import TabularTask

LAYOUT = Layout("label", "part", "timestamp", "", ("station", "shift"), (), {})
RECIPE = load_recipe(RECIPES / "turned-part.yaml")
TABLE = TableSettings(part="part", time="timestamp", slices=("station", "shift"))
ROWS = 300
pytestmark = pytest.mark.slow


class Steps:
    """The data's steps on one file, called as the worker calls them, up to the one that is asked for."""

    def __init__(self, folder, table):
        self.folder, self.table = folder, table
        self.context = Context(folder, lambda text, done: None)

    def run(self, last, buckets=None, recipe=RECIPE, **reading):
        self.folder.mkdir(exist_ok=True)
        reading = ExampleGenSettings(**{"max_bad": 0.01, **reading})
        settings = Settings(table=TABLE, example_gen=reading, transform=TransformSettings(buckets=buckets or {}))
        driver = Driver(self.folder / "root")
        task = TabularTask(Order(recipe, settings, self.folder / "root", [self.table]), driver)
        known, said = {DATA: task.data().path}, {}
        driver.close()
        for step in task.graph().steps:
            outputs = {name: self.folder / f"{step.name}.{name}" for name in step.outputs}
            for folder in outputs.values():
                folder.mkdir()
            said |= {f"{step.name}.{name}": found for name, found in self._call(step, known, outputs).items()}
            known |= {f"{step.name}.{name}": folder for name, folder in outputs.items()}
            if step.name == last:
                return known, said
        raise AssertionError(last)

    def _call(self, step, known, outputs):
        module, _, name = step.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        given = {name: known[reference] for name, reference in step.inputs.items()}
        given |= {**outputs, **step.parameters, **step.locations, "context": self.context}
        absent = dict.fromkeys(set(inspect.signature(function).parameters) - set(given))
        return function(**given, **absent) or {}


def read(path):
    return read_rows(TableFile(path, path.name))


@pytest.fixture
def steps(tmp_path):
    def make(**changed):
        return Steps(tmp_path, write_table(tmp_path / "readings.csv", ROWS, **changed))

    return make


@pytest.mark.fault("T04")
def test_a_ragged_row_is_quarantined_with_its_line_up_to_the_limit(steps):
    made = steps()
    lines = made.table.read_text().splitlines()
    lines[7] = "S1-000006,line-1"
    made.table.write_text("\n".join(lines) + "\n")
    known, said = made.run("ExampleGen")
    examples, properties = known["ExampleGen.examples"], said["ExampleGen.examples"]
    (bad,) = json.loads((examples / "quarantine.json").read_text())
    assert (bad["path"], bad["reason"]) == ("readings.csv:8", "2 fields, expected 15")
    assert properties["quarantined"] == 1
    assert sum(properties[f"pictures_{split}"] for split in ("train", "eval", "test")) == ROWS - 1
    for given, limit in (({"max_bad": 0.001}, "0.10%"), ({"strict": True}, "0.00%")):
        made = Steps(made.folder / limit.strip("%"), made.table)
        with pytest.raises(Rejected, match=rf"1 of 300 rows are bad, more than max_bad {limit}.*readings\.csv:8: 2 fi"):
            made.run("ExampleGen", **given)


@pytest.mark.fault("T06")
def test_odd_numbers_are_quarantined_with_column_value_and_line(steps):
    made = steps(feed_force_n={3: "inf", 9: "1e400", 12: "NaN"})
    examples = made.run("ExampleGen")[0]["ExampleGen.examples"]
    reasons = {bad["path"]: bad["reason"] for bad in json.loads((examples / "quarantine.json").read_text())}
    assert reasons == {
        "readings.csv:5": "column 'feed_force_n' is 'inf', expected a number",
        "readings.csv:11": "column 'feed_force_n' is '1e400', expected a number",
    }
    numbers = np.concatenate([read_split(examples, s).numbers["feed_force_n"] for s in ("train", "eval", "test")])
    assert (len(numbers), int(np.isnan(numbers).sum())) == (ROWS - 2, 1)


@pytest.mark.fault("T05")
def test_without_labels_training_is_blocked_and_serving_is_not(steps):
    from tensorflow_data_validation.api.validation_api import validate_statistics

    from trainer.components.statistics_gen import load_statistics

    known, said = steps().run("ExampleValidator")
    assert said["ExampleValidator.anomalies"]["blessed"] == 1
    schema = load_schema(known["SchemaGen.schema"])
    found = load_statistics(known["StatisticsGen.statistics"], "eval")
    del found.datasets[1:]
    kept = [feature for feature in found.datasets[0].features if list(feature.path.step) != ["label"]]
    assert len(kept) == len(found.datasets[0].features) - 1
    del found.datasets[0].features[:]
    found.datasets[0].features.extend(kept)
    assert "label" in validate_statistics(found, schema, environment=TRAINING).anomaly_info
    assert not validate_statistics(found, schema, environment=SERVING).anomaly_info


@pytest.mark.fault("T07")
def test_an_unknown_label_blocks_with_count_lines_and_remedy(steps):
    found = steps(label={4: "rust", 40: "rust", 41: "rust"}).run("ExampleValidator")[1]["ExampleValidator.anomalies"]
    assert found["blessed"] == 0
    text = " ".join(found["reasons"])
    for words in ("'rust'", "readings.csv:", "correct the table, or accept it", "labels.defects"):
        assert words in text


@pytest.mark.fault("T10")
def test_constant_and_empty_columns_are_told_and_give_no_nan(steps):
    half = dict.fromkeys(range(0, ROWS, 2), "1.5")
    made = steps(constant=dict.fromkeys(range(ROWS), "5"), empty={0: ""}, half=half)
    known, said = made.run("Transform", buckets={"half": 4})
    assert said["ExampleGen.examples"]["reasons"] == ["column 'empty' is empty in every row and is left out"]
    found = said["ExampleValidator.anomalies"]
    assert found["blessed"] == 1
    assert any("constant" in reason for reason in found["reasons"])
    files = list(known["Transform.transformed"].glob("Split-*/*.npy"))
    assert len(files) == 3 * 4
    for path in files:
        assert np.isfinite(np.load(path)).all()


@pytest.mark.fault("T19")
def test_a_loss_that_is_no_number_fails_with_its_step(steps):
    network = RECIPE.network.model_copy(update={"learning_rate": 1e30, "batch": 32})
    with pytest.raises(
        Rejected, match=r"training failed in epoch 1, step \d+: the loss is .*lower network\.learning_rate"
    ):
        steps().run("Trainer", recipe=RECIPE.model_copy(update={"network": network}))


@pytest.mark.fault("T06")
def test_records_give_the_rows_that_the_table_has_and_a_damaged_one_is_set_aside(tmp_path):
    import tensorflow as tf

    table = typed(read(write_table(tmp_path / "readings.csv", 50)).columns, LAYOUT)
    placed = {PART: table.texts[PART], ROW: table.texts[PART]}
    records = list(encoded(type(table)(table.numbers, {**table.texts, **placed}, {}, [])))
    example = tf.train.Example.FromString(records[0])
    assert sorted(example.features.feature) == sorted({*table.numbers, *table.texts, ROW})
    assert example.SerializeToString(deterministic=True) == records[0]
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        for record in [*records[:5], b"no example", *records[5:]]:
            writer.write(record)
    found = read(tmp_path / "rows.tfrecord")
    assert [bad.path for bad in found.bad] == ["rows.tfrecord:6"]
    assert len(found.lines) == 50
    for name, values in table.numbers.items():
        np.testing.assert_array_equal(as_numbers(found.columns[name])[0], values)
    assert found.columns["material"] == table.texts["material"].tolist()
    data = (tmp_path / "rows.tfrecord").read_bytes()
    flipped = bytearray(data)
    flipped[40] ^= 1  # within the first record's bytes
    (tmp_path / "flipped.tfrecord").write_bytes(flipped)
    told = read(tmp_path / "flipped.tfrecord")
    assert [bad.path for bad in told.bad] == ["flipped.tfrecord:1", "flipped.tfrecord:6"]
    assert told.lines.tolist() == found.lines.tolist()[1:]
    (tmp_path / "rows.tfrecord").write_bytes(data[:-7])
    with pytest.raises(Rejected, match=r"rows\.tfrecord: record 51 is damaged, what follows cannot be found"):
        read(tmp_path / "rows.tfrecord")
