"""Numbered fault cases of the data's way into the pipeline: tables that are wrong."""

import os

import numpy as np
import pytest

from tests.simulators.data_steps import encoded, make_folder, run_data_steps, splits, told, write_table

pytestmark = pytest.mark.slow
PARTS = 40


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder of 40 parts and the artifacts of a run on it; its root is `good.root`."""
    base = tmp_path_factory.mktemp("good")
    rows = make_folder(base / "data", PARTS)
    return base / "data", base / "root", rows, run_data_steps([base / "data"], base / "root")


@pytest.mark.fault("T05")
def test_a_column_that_the_eval_split_lacks_blocks_and_serving_may_lack_the_label(good, tmp_path):
    from trainer.components.example_validator import example_validator
    from trainer.components.statistics_gen import statistics_gen
    from trainer.data.examples import COLUMNS
    from trainer.pipeline.step import Context

    _, _, _, known = good
    examples, schema = known["ExampleGen.examples"].path, known["SchemaGen.schema"].path
    context = Context(tmp_path, lambda text, done: None)
    stripped, statistics, out = (tmp_path / name for name in ("examples", "statistics", "anomalies"))
    for folder in (statistics, out):
        folder.mkdir()
    for split in ("train", "eval"):
        _copy(examples, stripped, split, split, COLUMNS if split == "train" else set(COLUMNS) - {"label"})
    _copy(examples, tmp_path / "production", "test", "serving", set(COLUMNS) - {"label", "masked"})
    statistics_gen(stripped, statistics, [], 10**6, context)
    limits = dict.fromkeys(("drift_categorical", "drift_numeric", "skew_categorical", "skew_numeric"), 0)
    made = example_validator(
        stripped,
        statistics,
        schema,
        None,
        tmp_path / "production",
        out,
        "label",
        "ok",
        ["ok", "pit"],
        [],
        {**limits, "near_duplicates": "warn"},
        context,
    )
    lines = made["anomalies"]["reasons"]
    assert made["anomalies"]["blessed"] == 0
    assert next(line for line in lines if line.startswith("eval: label: ")).startswith(
        "eval: label: Column is completely missing; add the column, or accept it: trainer schema accept --root ROOT "
        "--feature label --optional"
    )
    assert not [line for line in lines if line.startswith(("serving", "train"))]


def _copy(examples, target, split, name, columns):
    """Copy a split's records with these columns alone."""
    import tensorflow as tf

    folder = target / f"Split-{name}"
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001")) as writer:
        for shard in sorted((examples / f"Split-{split}").iterdir()):
            for record in tf.data.TFRecordDataset([str(shard)]).as_numpy_iterator():
                example = tf.train.Example.FromString(record)
                for feature in set(example.features.feature) - {*columns}:
                    del example.features.feature[feature]
                writer.write(example.SerializeToString())


@pytest.mark.fault("T06")
def test_text_in_any_dress_is_read_and_no_number_becomes_a_label_in_silence(tmp_path):
    rows = make_folder(tmp_path / "data", PARTS)
    for place, value in ((2, "NaN"), (4, "1e400"), (6, "-inf")):
        rows[place]["label"] = value
    rows[8]["part"] = "two\nlines"
    write_table(tmp_path / "data", rows)
    table = tmp_path / "data" / "labels.csv"
    table.write_bytes(table.read_text().encode("utf-16"))
    known = run_data_steps([tmp_path / "data"], tmp_path / "root")
    assert "two\nlines" in splits(known)
    blocking = "\n".join(told(known)["blocking"])
    for value in ("NaN", "1e400", "-inf"):
        assert f"label '{value}' in 1 records" in blocking


@pytest.mark.fault("T07")
def test_an_unseen_label_blocks_with_count_and_names_until_the_command_it_names_is_typed(good, tmp_path):
    from click.testing import CliRunner

    from trainer.cli import main

    folder, _, rows, _ = good
    changed = [dict(row) for row in rows]
    for place in (2, 3, 4):
        changed[place]["label"] = "dent2"
    other = tmp_path / "data"
    other.mkdir()
    _link(folder / "images", other / "images")
    write_table(other, changed)
    root = tmp_path / "root"
    known = run_data_steps([other], root)
    (line, *_) = [one for one in told(known)["blocking"] if "dent2" in one]
    assert "label 'dent2' in " in line
    assert "images/2.png, images/3.png" in line
    command = "trainer schema accept --root ROOT --feature label --value dent2"
    assert command in line
    assert not known["ExampleValidator.anomalies"].blessed
    _note_run(root, known)
    typed = command.replace("ROOT", str(root)).split()[1:]
    done = CliRunner().invoke(main, typed)
    assert "label: value 'dent2' accepted" in done.output
    again = run_data_steps([other], root)
    assert "ImportSchemaGen.schema" in again
    after = told(again)["blocking"]
    assert len(after) == 1
    assert "label: 'dent2' in 3 records is not in the recipe" in after[0]


def _link(source, target):
    target.mkdir()
    for file in source.iterdir():
        os.link(file, target / file.name)


def _note_run(root, known):
    """Write the record that a run would have left."""
    from tests.simulators.data_steps import RECIPE, SMALL
    from trainer.pipeline.runs import RunRecord, Runs, StepRecord

    outputs = {"SchemaGen": "schema", "ExampleValidator": "anomalies", "StatisticsGen": "statistics"}
    steps = [StepRecord(step, "done", outputs={name: known[f"{step}.{name}"].digest}) for step, name in outputs.items()]
    arguments = {"recipe": RECIPE, "assignments": list(SMALL)}
    Runs(root).save(RunRecord("20260101-000000", RECIPE, 1000, "failed", arguments=arguments, steps=steps))


@pytest.mark.fault("T08")
def test_parts_in_two_imported_splits_block_and_are_named(good, tmp_path):
    folder, _, rows, _ = good
    wanted = [{**row, "split": "train" if int(row["part"][1:]) % 5 else "test"} for row in rows]
    other = tmp_path / "data"
    other.mkdir()
    _link(folder / "images", other / "images")
    wanted[2]["split"], wanted[9]["split"] = "eval", "test"
    write_table(other, wanted)
    known = run_data_steps([other], tmp_path / "root")
    (line,) = told(known)["blocking"]
    assert line.startswith("part: 2 parts have pictures in two splits or more (p1, p4)")
    assert splits(known)["p5"] == "test"
    assert splits(known)["p2"] == "train"


@pytest.mark.fault("T10")
def test_a_constant_or_empty_column_is_a_warning(tmp_path):
    folder = tmp_path / "data"
    rows = make_folder(folder, PARTS, lot="", station="A")
    for row in rows:
        flat = np.full((32, 32), 90, np.uint8)
        flat[0, int(row["image"][7:-4]) % 32] = 91
        (folder / row["image"]).write_bytes(encoded(flat))
    write_table(folder, rows)
    known = run_data_steps([folder], tmp_path / "root", last="Transform")
    warnings = told(known)["warnings"]
    assert known["ExampleValidator.anomalies"].blessed
    assert "lot is empty in every record; fill it or leave the column out" in warnings
    assert "train: brightness is 90 in every record: nothing can be learned from it" in warnings
    assert not [line for line in warnings if "station" in line]
    from trainer.components.transform import apply
    from trainer.data.picture_columns import columns

    found = apply(known["Transform.transform_graph"].path, columns(known["ExampleGen.examples"].path, "test"))
    assert np.isfinite(found["quality"]).all()
