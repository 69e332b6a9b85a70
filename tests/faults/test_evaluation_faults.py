"""Numbered fault cases of the evaluation, by the real command."""

import csv
import json
import shutil

import pytest

from tests.simulators.tiny_pipeline import result, run, trainer
from trainer.samples.generate import generate_samples

pytestmark = pytest.mark.slow


@pytest.mark.fault("T09")
def test_without_a_defective_part_held_out_nothing_is_blessed_until_a_person_says_so(tmp_path):
    data, root = tmp_path / "data", tmp_path / "root"
    generate_samples(data, 20, 3, frames=1)
    with (data / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    bad = [row for row in rows if row["label"] != "ok"]
    assert bad
    for row in rows:
        row["split"] = "train" if row in bad else ""
    with (data / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    refused = result(run(data, root, "--set", "epochs=1"))
    assert refused["blessed"] is False
    assert "insufficient evidence: 0 defective" in refused["reasons"][0]
    assert refused["bundle"] is None
    page = (root / "runs" / refused["run"] / "report.html").read_text()
    assert "insufficient evidence" in page
    asked = trainer("thresholds", "--root", root, "--json")
    assert json.loads(asked.stdout)["missing"]["defective"] == 45
    why = "a first model to collect pictures with; a person sees every part"
    done = trainer("bless", refused["run"], "--root", root, "--by", "A. Weber", "--reason", why)
    assert done.returncode == 0, done.stderr
    shutil.copytree(data, tmp_path / "elsewhere")
    released = result(run(tmp_path / "elsewhere", root, "--set", "epochs=1"))
    states = {step["name"]: step["status"] for step in released["steps"]}
    assert (states["Trainer"], states["Evaluator"], states["Converter"]) == ("cached", "cached", "done")
    assert "A. Weber" in json.dumps(released["reasons"])
    assert "A. Weber" in trainer("pipeline", "lineage", "machined-surface@v1", "--root", root).stdout
    assert why in (root / "runs" / released["run"] / "report.html").read_text()
