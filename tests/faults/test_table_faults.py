"""Numbered fault cases of tables, on the components as the worker calls them."""

import json

import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from tests.simulators.sensor_table import write_table
from trainer.components.example_validator import example_validator
from trainer.components.schema_gen import SERVING, load_schema, schema_gen
from trainer.components.statistics_gen import statistics_gen
from trainer.components.table_example_gen import table_example_gen
from trainer.components.table_source import list_tables
from trainer.components.table_transform import table_transform
from trainer.pipeline.cache import Store
from trainer.pipeline.index import Index
from trainer.pipeline.settings import TableSettings
from trainer.pipeline.step import Context
from trainer.tabular.examples import read_split

TABLE = TableSettings(part="part", time="timestamp", slices=("station", "shift")).model_dump(mode="json")
SHARES = {"eval": 0.2, "test": 0.2}
LABELS = ("ok", "chatter", "burr", "burn")
ROWS = 300
pytestmark = pytest.mark.slow


class Steps:
    """ExampleGen and what follows, on one file."""

    def __init__(self, folder, table):
        self.folder, self.table = folder, table
        self.context = Context(folder, lambda text, done: None)

    def out(self, name):
        made = self.folder / name
        made.mkdir()
        return made

    def examples(self, max_bad=0.01, strict=False):
        index = Index(self.folder / "root")
        data = list_tables([self.table], Store(self.folder / "root"), index, lambda: 10**18)
        index.close()
        made = self.out("examples")
        places = [str(self.table)]
        found = table_example_gen(data.path, None, made, "ok", SHARES, TABLE, max_bad, strict, "", places, self.context)
        return made, found["examples"]

    def validated(self, examples):
        statistics, schema, anomalies = (self.out(name) for name in ("statistics", "schema", "anomalies"))
        statistics_gen(examples, statistics, self.context)
        schema_gen(statistics, schema, LABELS, "", self.context)
        found = example_validator(examples, statistics, schema, anomalies, "ok", self.context)
        return schema, found["anomalies"]


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
    examples, properties = made.examples()
    (bad,) = json.loads((examples / "quarantine.json").read_text())
    assert (bad["path"], bad["reason"]) == ("readings.csv:8", "2 fields, expected 15")
    assert properties["quarantined"] == 1
    assert sum(properties[f"pictures_{split}"] for split in ("train", "eval", "test")) == ROWS - 1
    for given, limit in (({"max_bad": 0.001}, "0.10%"), ({"strict": True}, "0.00%")):
        made = Steps(made.folder / limit.strip("%"), made.table)
        made.folder.mkdir()
        with pytest.raises(Rejected, match=rf"1 of 300 rows are bad, more than max_bad {limit}.*readings\.csv:8: 2 fi"):
            made.examples(**given)


@pytest.mark.fault("T06")
def test_odd_numbers_are_quarantined_with_column_value_and_line(steps):
    made = steps(feed_force_n={3: "inf", 9: "1e400", 12: "NaN"})
    examples, _ = made.examples()
    reasons = {bad["path"]: bad["reason"] for bad in json.loads((examples / "quarantine.json").read_text())}
    assert reasons == {
        "readings.csv:5": "column 'feed_force_n' is 'inf', expected a number",
        "readings.csv:11": "column 'feed_force_n' is '1e400', expected a number",
    }
    numbers = np.concatenate([read_split(examples, s).numbers["feed_force_n"] for s in ("train", "eval", "test")])
    assert (len(numbers), int(np.isnan(numbers).sum())) == (ROWS - 2, 1)


@pytest.mark.fault("T05")
def test_without_labels_training_is_blocked_and_serving_is_not(steps):
    import tensorflow_data_validation as tfdv

    from trainer.components.tables import frame

    made = steps()
    examples, _ = made.examples()
    schema, found = made.validated(examples)
    assert found["blessed"] == 1
    unlabelled = tfdv.generate_statistics_from_dataframe(frame(examples, "eval").drop(columns="label"))
    assert "label" in tfdv.validate_statistics(unlabelled, load_schema(schema), environment="TRAINING").anomaly_info
    assert not tfdv.validate_statistics(unlabelled, load_schema(schema), environment=SERVING).anomaly_info


@pytest.mark.fault("T07")
def test_an_unknown_label_blocks_with_count_lines_and_remedy(steps):
    made = steps(label={4: "rust", 40: "rust", 41: "rust"})
    _, found = made.validated(made.examples()[0])
    assert found["blessed"] == 0
    text = " ".join(found["reasons"])
    assert "label 'rust' in " in text
    assert "readings.csv:" in text
    assert "add it to the recipe's labels.defects or correct the table" in text


@pytest.mark.fault("T10")
def test_constant_and_empty_columns_are_told_and_give_no_nan(steps):
    split = dict.fromkeys(range(ROWS), "")
    made = steps(constant=dict.fromkeys(range(ROWS), "5"), empty=split, half=dict.fromkeys(range(0, ROWS, 2), "1.5"))
    examples, properties = made.examples()
    assert properties["reasons"] == ["column 'empty' is empty in every row and is left out"]
    schema, found = made.validated(examples)
    assert found["blessed"] == 1
    assert {"train: constant is 5 throughout", "train: half is 1.5 throughout"} <= set(found["reasons"])
    graph, transformed = made.out("graph"), made.out("transformed")
    table_transform(examples, schema, graph, transformed, {"half": 4}, 1000, "", made.context)
    for path in transformed.glob("Split-*/*.npy"):
        assert np.isfinite(np.load(path)).all()
