"""Rows judged by the frozen bundle for tables, in the runtime of this environment and without TensorFlow."""

import csv
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.contracts.archive import pack_archive
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.rows.command import predict
from edge_agent.rows.model import RowModel
from tests.simulators.bundles import make_bundle

BUNDLE = BundleFolder(Path(__file__).parents[2] / "contract/golden/bundle-1-rows")


@pytest.fixture(scope="module")
def model():
    return RowModel(BUNDLE, "x86_64")


@pytest.fixture(scope="module")
def rows():
    """Return the golden rows by their label."""
    return {case.label: json.loads(BUNDLE.read(case.picture)) for case in BUNDLE.open().golden.cases}


def test_a_row_gets_the_verdict_of_its_score(model, rows):
    good, bad = model.judge([rows["ok"]]), model.judge([rows["burn"]])
    assert (good.verdict, good.reason, good.label) == (Verdict.ACCEPT, Reason.MODEL, "ok")
    assert (bad.verdict, bad.reason, bad.label) == (Verdict.REJECT, Reason.MODEL, "burn")
    assert sum(bad.probabilities) == pytest.approx(1)
    assert bad.score == pytest.approx(1 - bad.probabilities[0])


def test_rows_of_a_part_are_joined_as_the_recipe_says(model, rows):
    part = model.judge([rows["ok"], rows["burn"], rows["ok"]])
    assert (part.verdict, part.label) == (Verdict.REJECT, "burn")
    assert part.score == model.judge([rows["burn"]]).score


def test_the_degree_of_automation_holds(model, rows):
    assert model.judge([rows["burn"]], Automation.SHADOW).verdict is Verdict.REVIEW


def test_missing_and_unknown_cells_have_a_place_and_what_is_no_number_rejects(model, rows):
    odd = {**rows["ok"], "material": "unobtainium", "machine": "", "feed_force_n": None}
    assert model.judge([odd]).score is not None
    said = model.judge([{**rows["ok"], "feed_force_n": "abc"}])
    assert (said.verdict, said.reason, said.score) == (Verdict.REJECT, Reason.MODEL_ERROR, None)
    assert "column 'feed_force_n' is 'abc'" in said.error


def test_a_bundle_for_pictures_and_another_bundle_are_refused(tmp_path):
    with pytest.raises(Rejected, match="takes pictures, expected one that takes rows"):
        RowModel(make_bundle(tmp_path), "x86_64")
    with pytest.raises(Rejected, match="manifest is 9a05f86ea92d, expected 000000000000"):
        RowModel(BUNDLE, "x86_64", expected_id="0" * 64)


def test_the_command_reads_an_archive_and_joins_parts(rows, tmp_path):
    pack_archive(BUNDLE, tmp_path / "b.lineside")
    table = tmp_path / "rows.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["serial", *rows["ok"]])
        writer.writeheader()
        for serial, label in (("a", "ok"), ("b", "burn"), ("a", "ok"), ("b", "ok")):
            writer.writerow({"serial": serial, **rows[label]})
    words = ["--bundle", str(tmp_path / "b.lineside"), str(table), "--part", "serial", "--json"]
    done = CliRunner().invoke(predict, words)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [(row["line"], row["verdict"]) for row in answer["rows"]] == [
        (2, "accept"),
        (3, "reject"),
        (4, "accept"),
        (5, "reject"),
    ]
    missing = CliRunner().invoke(predict, [*words[:-2], "batch"])
    assert isinstance(missing.exception, Rejected)
    assert "no column 'batch'" in str(missing.exception)


def test_a_pipe_is_written_to_and_stays_a_pipe(rows, tmp_path):
    table, pipe = tmp_path / "rows.csv", tmp_path / "pipe"
    table.write_text(",".join(rows["ok"]) + "\n" + ",".join(str(cell) for cell in rows["ok"].values()) + "\n")
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = CliRunner().invoke(predict, ["--bundle", str(BUNDLE.folder), str(table), "--out", str(pipe)])
    said = os.read(reading, 1 << 16).decode()
    os.close(reading)
    assert done.exit_code == 0, done.output
    assert said.splitlines()[1].startswith("2,")
    assert pipe.is_fifo()
