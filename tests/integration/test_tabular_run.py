"""The tabular task by its commands: from a CSV file to a bundle and a row's verdict; the user's own code; a kill."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import probabilities
from tests.simulators.environments import shared_environment
from tests.simulators.sensor_table import RECIPE, SET_TINY, artifact, predicted, run, statuses, write_table
from tests.simulators.tiny_pipeline import result, trainer
from trainer.checkpoint import NO_FORMER
from trainer.pipeline.driver import Driver
from trainer.pipeline.runs import Runs
from trainer.pipeline.step import Context

ROWS = 600
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """600 parts with a torn row's worth of oddities: a missing force here and there."""
    path = tmp_path_factory.mktemp("data") / "readings.csv"
    return write_table(path, ROWS, feed_force_n=dict.fromkeys(range(0, ROWS, 13), ""))


@pytest.fixture(scope="module")
def ran(table, tmp_path_factory):
    root = tmp_path_factory.mktemp("root") / "work"
    return root, result(run(table, root))


def test_a_cold_run_makes_a_bundle_that_takes_rows_and_verifies(ran):
    _, found = ran
    assert set(statuses(found).values()) == {"done"}
    assert found["blessed"] is True
    folder = BundleFolder(Path(found["bundle"]))
    manifest = folder.open()
    assert folder.problems() == []
    assert isinstance(manifest.input, RowContract)
    kinds = [column.kind for column in manifest.input.columns]
    assert (kinds.count("number"), kinds.count("text")) == (8, 2)
    assert set(manifest.input.columns[8].values) == {"steel", "aluminium", "brass"}
    command = [str(Path(sys.executable).with_name("converter")), "verify", found["bundle"], "--json"]
    verified = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert verified["ok"] is True
    assert len(verified["cases"]) >= 3


def test_the_device_answers_what_the_evaluation_measured(ran, table):
    root, found = ran
    answers = predicted(found["bundle"], table)
    assert answers["model"] == "turned-part v1"
    assert sum(answers["counts"].values()) == len(answers["rows"]) == ROWS
    metrics = json.loads((artifact(root, "Evaluator", "evaluation") / "metrics.json").read_text())
    manifest = BundleFolder(Path(found["bundle"])).open()
    # The variant has a temperature of its own; under that of the evaluation it says the same.
    ratio = manifest.variants[0].temperature / metrics["temperature"]
    shares = np.maximum([row["probabilities"] for row in answers["rows"]], 1e-6)
    scores = 1 - probabilities(np.log(shares), 1 / ratio)[:, 0]
    wanted = {part: score for part, score, _ in metrics["part_scores"]}
    assert len(wanted) > 50
    for row, score in zip(answers["rows"], scores, strict=True):
        assert abs(wanted.get(f"S1-{row['line'] - 2:06d}", score) - score) < 2e-3
    assert set(metrics["importance"]) == {column.name for column in manifest.input.columns}
    assert {"overall", "station=line-1", "station=line-2"} <= set(metrics["slices"])


def test_the_trainer_predicts_a_whole_table_as_the_device_does(ran, table, tmp_path):
    root, found = ran
    out = tmp_path / "predictions.csv"
    made = result(trainer("predict", "--root", root, "--data", table, "--batch", "250", "--out", out, "--json"))
    assert (made["rows"], made["bad"]) == (ROWS, 0)
    answers = predicted(found["bundle"], table)["rows"]
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, answer in zip(rows, answers, strict=True):
        assert row["row"] == f"readings.csv:{answer['line']}"
        assert (float(row["score"]), row["verdict"]) == (pytest.approx(answer["score"], abs=1e-4), answer["verdict"])


def test_a_row_that_cannot_be_read_is_rejected_and_the_others_go_on(ran, table, tmp_path):
    lines = table.read_text().splitlines()
    odd = tmp_path / "odd.csv"
    torn, wrong = "S1,a", lines[2].replace(lines[2].split(",")[4], "abc", 1)
    odd.write_text("\n".join([lines[0], lines[1], torn, wrong]) + "\n")
    answers = predicted(ran[1]["bundle"], odd, "--out", str(tmp_path / "out.csv"))["rows"]
    assert [row["line"] for row in answers] == [2, 3, 4]
    assert answers[0]["score"] is not None
    assert [(row["verdict"], row["reason"]) for row in answers[1:]] == [("reject", "model-error")] * 2
    assert answers[1]["error"] == "2 fields, expected 15"
    assert "column 'spindle_current_a' is 'abc'" in answers[2]["error"]
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


def test_the_second_run_is_cached_also_of_a_renamed_file_and_the_page_shows_rows(ran, table, tmp_path):
    root, found = ran
    for data in (table, shutil.copy(table, tmp_path / "march.csv")):
        again = result(run(data, root))
        assert set(statuses(again).values()) == {"cached"}
        assert again["bundle"] == found["bundle"]
    page = (root / "runs" / found["run"] / "report.html").read_text()
    for text in ("Readings", "parts / rows", "feed force n"):
        assert text in page


def test_what_serves_is_what_tensorflow_transform_made(ran):
    import tensorflow as tf

    from trainer.tabular.contract import FILE, inputs_of
    from trainer.tabular.examples import read_split
    from trainer.tabular.graph import TransformGraph

    root, _ = ran
    folder, rows = (
        artifact(root, "Transform", "transform_graph"),
        read_split(artifact(root, "ExampleGen", "examples"), "test"),
    )
    contract = RowContract.model_validate_json((folder / FILE).read_bytes())
    rows.texts["material"][:5] = "gold"
    rows.texts["machine"][5:9] = ""
    graph = TransformGraph(folder, contract)
    wanted = graph.apply(rows.numbers, {c.name: rows.texts[c.name] for c in contract.columns if c.kind == "text"})
    row = tf.TensorSpec((None, contract.shape[1]), tf.float32)
    served = tf.function(graph.servable()).get_concrete_function(row)(tf.constant(inputs_of(rows, contract)))
    assert set(served) == set(wanted) == {"numbers", "material_place", "machine_place"}
    assert wanted["material_place"][:5].tolist() == [3] * 5
    assert wanted["machine_place"][5:9].tolist() == [5] * 4
    for name, values in wanted.items():
        np.testing.assert_allclose(served[name].numpy(), values, atol=1e-6)


def test_training_goes_on_from_a_former_model_of_the_same_columns(ran, tmp_path):
    from trainer.components.table_trainer import train_table
    from trainer.tabular.contract import FILE

    root, _ = ran
    driver = Driver(root)
    recipe, settings = (driver.index.latest("Trainer").parts.parameters[name] for name in ("recipe", "settings"))
    driver.close()
    recipe["network"] |= {"epochs": 1, "learning_rate": 1e-9}
    former, examples = artifact(root, "Trainer", "model"), artifact(root, "ExampleGen", "examples")
    graph, transformed = (artifact(root, "Transform", name) for name in ("transform_graph", "transformed"))

    def trained(name, start):
        folder = tmp_path / name
        folder.mkdir()
        context = Context(tmp_path / f"{name}.scratch", lambda *_: None)
        words = (examples, graph, transformed, start, folder, recipe, settings, "", "", context)
        made = train_table(*words, warm_wanted=True)["model"]
        return made, json.loads((folder / "training.json").read_text())["epochs"][0]["eval_loss"]

    (cold, before), (warm, after) = trained("cold", None), trained("warm", former)
    assert (cold["warm_started"], warm["warm_started"]) == (False, True)
    assert (cold["reasons"], warm["reasons"]) == ([NO_FORMER], [])
    assert after < 0.9 * before
    other = tmp_path / "other"
    shutil.copytree(former, other)
    (other / FILE).write_text((other / FILE).read_text().replace("brass", "bronze"))
    said, _ = trained("third", other)
    assert said["reasons"] == ["trained from scratch: the former model has another shape or other columns"]


def test_bad_settings_and_data_are_one_line(table, tmp_path):
    for more, words in (
        (("--set", "table.part=prt"), "column 'prt' is missing; did you mean 'part'?"),
        (("--set", "table.ignore=[machin]"), "column 'machin' is missing; did you mean 'machine'?"),
        (("--set", "steps=-1"), "'trainer.steps' is -1"),
    ):
        done = run(table, tmp_path / "root", *more)
        assert done.returncode in (3, 5)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("trainer: ")]
        assert words in line
    done = trainer(
        "pipeline", "run", "--recipe", "turned-part", "--data", tmp_path / "none.csv", "--root", tmp_path / "r"
    )
    assert (done.returncode, "there is no such file or folder" in done.stderr) == (5, True)


def test_a_folder_of_rows_is_predicted_in_batches(ran, table, tmp_path):
    _, found = ran
    (tmp_path / "rows").mkdir()
    lines = table.read_text().splitlines()
    (tmp_path / "rows" / "a.csv").write_text("\n".join([*lines[:101], "S1,torn"]) + "\n")
    (tmp_path / "rows" / "b.csv").write_text("\n".join([lines[0], *lines[101:151]]) + "\n")
    command = ("predict", "--bundle", found["bundle"], "--data", tmp_path / "rows", "--out", tmp_path / "out.csv")
    made = result(trainer(*command, "--json"))
    assert (made["rows"], made["bad"], sum(made["verdicts"].values())) == (150, 1, 150)
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [rows[0]["row"], rows[149]["row"]] == ["a.csv:2", "b.csv:51"]
    assert "a.csv:102" in (tmp_path / "out.csv.bad.csv").read_text()
    single = predicted(found["bundle"], table)["rows"]
    assert [float(row["score"]) for row in rows] == pytest.approx([row["score"] for row in single[:150]], abs=2e-6)


def test_airflow_runs_the_exported_tasks(ran, table, tmp_path, tmp_path_factory):
    """The real Airflow in an environment of its own calls this `trainer`, step by step; the Pusher alone has work."""
    root, before = ran
    words = ["--recipe", RECIPE, "--data", table, "--root", root, *SET_TINY, "--set", "pusher.to=[folder]"]
    words += ["--set", f"pusher.place={tmp_path / 'served'}"]
    (tmp_path / "dags").mkdir()
    result(trainer("pipeline", "export", "--to", "airflow", "--out", tmp_path / "dags" / "dag.py", *words, "--json"))
    airflow = shared_environment(tmp_path_factory, "airflow") / "bin" / "airflow"
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags")}
    home |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    for asked in (["db", "migrate"], ["dags", "test", RECIPE]):
        done = subprocess.run(
            [airflow, *asked], capture_output=True, text=True, check=False, env={**os.environ, **home}
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    steps = [step["name"] for step in before["steps"]]
    made = Runs(root).last()[: len(steps)][::-1]
    assert [run.arguments["only"] for run in made] == [[step] for step in steps]
    assert {run.state for run in made} == {"done"}
    assert [run.step(step).status for run, step in zip(made, steps, strict=True)] == ["cached"] * 9 + ["done"]
    assert (tmp_path / "served" / "folder" / RECIPE / "latest" / "manifest.json").is_file()


@pytest.mark.fault("T18")
def test_a_bundle_that_is_damaged_in_the_store_is_made_again_as_a_version_of_its_own(ran, table, tmp_path):
    root = shutil.copytree(ran[0], tmp_path / "work")
    first = result(run(table, root))
    store = next(root.glob("cas/*/*/manifest.json")).parent
    next((store / "blobs" / "sha256").iterdir()).write_bytes(b"damaged")
    made = result(run(table, root))
    assert [statuses(made)[name] for name in ("Trainer", "Converter", "Pusher")] == ["cached", "done", "done"]
    assert Path(made["bundle"]).name != Path(first["bundle"]).name
    assert BundleFolder(Path(made["bundle"])).problems() == []
    assert set(statuses(result(run(table, root))).values()) == {"cached"}
