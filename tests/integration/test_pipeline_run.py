"""The whole pipeline by its command, tiny: from pictures to a pushed bundle, cached, changed, refused."""

import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from tests.simulators.ticket_fleet import TicketFleet
from tests.simulators.tiny_pipeline import result, run, trainer
from trainer.pipeline.driver import Driver
from trainer.samples.generate import generate_samples

STEPS = [
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Evaluator",
    "Converter",
    "InfraValidator",
    "Pusher",
]
pytestmark = pytest.mark.slow


def statuses(found):
    return {step["name"]: step["status"] for step in found["steps"]}


def test_a_cold_run_makes_a_bundle_that_verifies(tiny_run):
    root, found = tiny_run
    assert list(found) == sorted(["run", "blessed", "released_by", "reasons", "bundle", "metrics", "steps"])
    assert [step["name"] for step in found["steps"]] == STEPS
    assert set(statuses(found).values()) == {"done"}
    assert found["blessed"] is True
    folder = BundleFolder(Path(found["bundle"]))
    manifest = folder.open()
    assert folder.problems() == []
    assert (manifest.name, manifest.version, manifest.release) == ("machined-surface", "v1", 1)
    latest = json.loads((root / "latest-blessed.json").read_text())
    assert (latest["model"], latest["version"], latest["bundle"]) == ("machined-surface", "v1", folder.id)
    assert latest["data"] == manifest.sources.data


def test_the_report_is_one_file_that_needs_no_network(tiny_run):
    root, found = tiny_run
    page = (root / "runs" / found["run"] / "report.html").read_text()
    for title in (
        "Splits",
        "Validation",
        "Loss",
        "Confusion",
        "Slices",
        "Variants",
        "Model card",
        "Lineage",
        "most wrong",
    ):
        assert title in page
    assert "http://" not in page
    assert "https://" not in page
    assert "data:image/jpeg;base64," in page
    assert "exposure=1" in page
    assert len(page) < 3_000_000


def test_the_second_run_is_cached_and_elsewhere_too(tiny_run, tiny_data, tmp_path):
    root, found = tiny_run
    shutil.copytree(tiny_data, tmp_path / "moved")
    started = time.monotonic()
    again = result(run(tmp_path / "moved", root))
    assert time.monotonic() - started < 30
    assert set(statuses(again).values()) == {"cached"}
    assert again["bundle"] == found["bundle"]
    assert (root / "runs" / again["run"] / "report.html").is_file()


def test_status_why_and_lineage_tell_what_was(tiny_run):
    root, _ = tiny_run
    status = result(trainer("pipeline", "status", "--root", root, "--json"))
    assert [step["name"] for step in status["latest"]["steps"]] == STEPS
    why = result(trainer("pipeline", "why", "Trainer", "--root", root, "--json"))
    assert why == {"step": "Trainer", "state": "cached", "would_run": False, "reasons": []}
    lineage = trainer("pipeline", "lineage", "machined-surface@v1", "--root", root).stdout
    assert lineage.startswith("Bundle ")
    for kind in ("Model ", "TransformGraph ", "Examples ", "RawImages "):
        assert kind in lineage
    unknown = trainer("pipeline", "lineage", "nothing@v9", "--root", root)
    assert unknown.returncode == 5
    assert "knows no artifact 'nothing@v9'" in unknown.stderr


def test_a_changed_setting_runs_only_what_it_concerns_and_is_compared_with_the_former_model(tiny_run, tiny_data):
    root, _ = tiny_run
    again = result(run(tiny_data, root, "--set", "network.seed=5", "--version", "second"))
    changed = statuses(again)
    assert {name for name, status in changed.items() if status == "cached"} == set(STEPS[:5])
    assert any("machined-surface v1" in reason for reason in again["reasons"])
    manifest = BundleFolder(Path(again["bundle"])).open()
    assert (manifest.version, manifest.release) == ("second", 2)
    why = result(trainer("pipeline", "why", "Trainer", "--root", root, "--json"))
    assert why["would_run"] is False
    assert set(statuses(result(run(tiny_data, root))).values()) == {"cached"}


def test_a_network_that_looks_at_tiles_of_padded_pictures_becomes_an_int8_bundle(tiny_data, tmp_path):
    asked = ["network.height=96", "network.width=160", "network.fit=pad", "network.tile=64", "network.pretraining=200"]
    asked += ["epochs=6", "variants=int8", "converter.force=true"]
    found = result(run(tiny_data, tmp_path, *(word for setting in asked for word in ("--set", setting))))
    assert set(statuses(found).values()) == {"done"}
    folder = BundleFolder(Path(found["bundle"]))
    manifest = folder.open()
    assert folder.problems() == []
    assert [variant.id for variant in manifest.variants] == ["int8"]
    assert (manifest.input.shape, manifest.input.fit) == ((1, 96, 160, 1), "pad")
    assert "tile" not in manifest.recipe.network.model_dump()
    predictions = tmp_path / "predictions.csv"
    result(trainer("predict", "--root", tmp_path, "--data", tiny_data, "--out", predictions, "--json"))
    rows = list(csv.DictReader(predictions.read_text().splitlines()))
    assert len(rows) == 80
    assert all(0 < float(row[name]) < 1 for row in rows for name in ("peak_x", "peak_y"))
    assert max(float(row["peak_x"]) for row in rows) > 0.8


def test_a_model_below_the_recipes_values_is_not_pushed_and_says_why(tiny_run, tiny_data):
    root, _ = tiny_run
    before = (root / "latest-blessed.json").read_bytes()
    found = result(run(tiny_data, root, "--set", "blessing.auroc_min=1.0", "--set", "blessing.recall_min=1.0"))
    assert found["blessed"] is False
    assert found["bundle"] is None
    assert found["reasons"]
    assert [statuses(found)[name] for name in STEPS[7:]] == ["skipped"] * 3
    why = trainer("pipeline", "why", "Converter", "--root", root).stdout.splitlines()
    assert why == ["Converter would be skipped", "  Evaluator.blessing is not blessed"]
    assert (root / "latest-blessed.json").read_bytes() == before


def test_a_ticket_trains_on_old_and_reviewed_parts_and_is_served(tiny_run, tiny_data, tmp_path):
    root, _ = tiny_run
    generate_samples(tmp_path / "dark", 6, 9, brightness=0.6, frames=1)
    fleet = TicketFleet()
    fleet.open_ticket("t-0001")
    with (tmp_path / "dark" / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            fleet.label((tmp_path / "dark" / row["image"]).read_bytes(), f"dark-{row['part']}", row["label"])
    stop = fleet.serve(tmp_path / "home")
    try:
        served = result(run(tiny_data, root, "--ticket", "t-0001", "--fleet-home", tmp_path / "home"))
    finally:
        stop()
    latest = json.loads((root / "latest-blessed.json").read_text())
    assert served["blessed"] is True
    assert latest["release"] > 1
    assert [(ticket, action) for ticket, action, _ in fleet.said] == [("t-0001", "claim"), ("t-0001", "served")]
    assert fleet.said[1][2] == {"model": "machined-surface", "version": latest["version"], "run": served["run"]}
    driver = Driver(root)
    assert driver.index.latest("Trainer").outputs["model"].properties["warm_started"] is True
    before, after = (
        json.loads((driver.store.path(digest) / "parts.json").read_text())
        for digest in (json.loads((root / "blessed.json").read_text())[0]["examples"], latest["examples"])
    )
    driver.close()
    assert {part: after[part] for part in before} == before
    assert len(after) == len(before) + 6
    assert not (root / "tickets" / "t-0001" / "claim.json").exists()


@pytest.mark.fault("T07")
def test_an_unknown_label_blocks_with_count_and_examples(tiny_data, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(tiny_data, copy)
    with (copy / "labels.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    for row in rows[1:3]:
        row[4] = "rust"
    with (copy / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    done = run(copy, tmp_path / "root")
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("trainer: ")]
    assert "label 'rust' in 2 records (images/s3-00000_1.jpg, images/s3-00000_2.jpg)" in line
    assert f"trainer schema accept --root {tmp_path / 'root'} --feature label --value rust" in line
    assert "add it to the recipe's labels.defects" in line
    assert (tmp_path / "root" / "runs").is_dir()


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda folder: folder.mkdir(), 3, "no labels.csv in it"),
        (lambda folder: None, 5, "there is no such folder"),
        (lambda folder: _table(folder, "image,part\na.png,p\n"), 3, "column 'label' is missing"),
        (lambda folder: _table(folder, "image,part,label\n"), 3, "names no usable picture"),
    ],
)
def test_bad_data_is_one_line(tmp_path, make, code, words):
    make(tmp_path / "data")
    done = run(tmp_path / "data", tmp_path / "root")
    assert done.returncode == code
    assert len(done.stderr.strip().splitlines()) == 1
    assert words in done.stderr


def _table(folder, text):
    folder.mkdir()
    (folder / "labels.csv").write_text(text)


def test_unknown_keys_are_one_line(tiny_data, tmp_path):
    done = run(tiny_data, tmp_path / "root", "--set", "epoch=1")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert "did you mean 'epochs'" in done.stderr
    recipe = tmp_path / "r.yaml"
    recipe.write_text("name: x\nlabels: {good: ok, defects: [pit]}\nviws: {}\n")
    done = trainer("pipeline", "run", "--recipe", recipe, "--data", tiny_data, "--root", tmp_path / "root")
    assert (done.returncode, done.stderr.count("\n")) == (5, 1)
    assert "unknown key 'viws'; did you mean 'views'" in done.stderr


def test_help_comes_with_an_example_and_without_tensorflow():
    for arguments in (["--help"], ["data", "sample", "--help"], ["pipeline", "run", "--help"], ["watch", "--help"]):
        assert "Example: trainer" in trainer(*arguments).stdout
    code = "import sys, trainer.cli, trainer.run, trainer.inspect; print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, "tensorflow", "cv2"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sample_data_are_counted(tmp_path):
    found = result(trainer("data", "sample", tmp_path / "parts", "--parts", "3", "--seed", "2", "--json"))
    assert found == {"parts": 3, "images": 9}
