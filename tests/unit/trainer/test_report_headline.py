"""What the page of a run says first, and the page of all runs."""

import json

import pytest
from click.testing import CliRunner

from tests.simulators.evaluated import evaluated
from trainer.cli import main
from trainer.evaluation.override import override
from trainer.pipeline.runs import RunRecord, Runs, StepRecord
from trainer.reports.again import write_again
from trainer.reports.headline import Refusals, headline, what_passes
from trainer.reports.index import row_of, write_index

RUN = "20260101-000000"


@pytest.fixture
def root(tmp_path):
    evaluated(tmp_path, RUN, cost={"escape": 100})
    return tmp_path


def page_of(root, run=RUN):
    return (root / "runs" / run / "report.html").read_text()


def test_a_blessed_model_may_ship_and_what_passes_is_said_in_parts(root):
    metrics = evaluated(root, "20260101-000009", skill=9.0)
    found = headline(metrics, Refusals(), None)
    assert (found.tone, found.chip, found.against) == ("good", "blessed", ())
    assert "Of 1,000 defective parts at most 70 pass unseen, with 90 % confidence" in found.passes
    assert "The recipe allows 50." in found.passes
    assert found.title == "This model may ship; not all of it is proven."
    assert "13 more defective test parts" in found.lacking[0]
    assert "Of 1,000 good parts it rejects" in found.burden


def test_a_refused_model_must_not_and_each_reason_is_there(tmp_path):
    metrics = evaluated(tmp_path, RUN, skill=0.3)
    found = headline(metrics, Refusals(evaluation=metrics["reasons"], runtime=["parity: 3 answers"]), None)
    assert (found.tone, found.title) == ("bad", "This model must not ship.")
    assert found.against == (*metrics["reasons"], "edge runtime: parity: 3 answers")
    write_again(tmp_path)
    assert "This model must not ship." in page_of(tmp_path)
    assert "Why not" in page_of(tmp_path)


def test_data_that_stopped_the_run_is_the_first_thing_said():
    found = headline(None, Refusals(data=["label 'dust' is new"]), None)
    assert (found.chip, found.against) == ("stopped", ("label 'dust' is new",))
    assert headline(None, Refusals(), None).chip == "not evaluated"


@pytest.mark.fault("T09")
def test_without_defective_parts_nothing_is_claimed(tmp_path):
    metrics = evaluated(tmp_path, RUN, bad=0.0)
    assert what_passes(metrics).startswith("No defective part was tested")
    found = headline(metrics, Refusals(evaluation=metrics["reasons"]), None)
    assert found.title == "This model must not ship yet: too few parts were tested."
    write_again(tmp_path)
    assert "No defective part was tested" in page_of(tmp_path)


def test_what_a_person_released_is_said_on_both_pages(tmp_path):
    evaluated(tmp_path, RUN, thresholds=[{"metric": "escape", "upper": 0.001}])
    override(tmp_path, RUN, "A. <Weber>", "all parts are audited until more defects were seen", 0)
    done = CliRunner().invoke(main, ["pipeline", "report", "--root", str(tmp_path), "--json"])
    found = json.loads(done.output)
    assert "It ships because A. &lt;Weber&gt; released it." in page_of(tmp_path)
    with open(found["index"], encoding="utf-8") as file:
        assert "released by A. &lt;Weber&gt;" in file.read()


def test_the_page_of_all_runs_links_what_is_there_and_says_what_failed(root):
    write_again(root)
    killed = RunRecord("20260102-000000", "tile", 1_767_300_000_000, "failed", 1_767_300_060_000, "<killed>")
    killed.arguments = {"assignments": ["epochs=3"]}
    killed.steps = [StepRecord("ExampleGen", "cached"), StepRecord("Trainer", "failed")]
    Runs(root).save(killed)
    page = write_index(root).read_text()
    assert page.index("20260102-000000") < page.index(RUN)
    assert f'href="{RUN}/report.html"' in page
    assert 'href="20260102-000000/' not in page
    assert "&lt;killed&gt;" in page
    assert "epochs=3" in page
    assert "http" not in page


def test_a_line_has_the_exact_interval_of_its_shares():
    record = RunRecord(RUN, "tile", 0, "done", 5000)
    rates = {"escape": 0.25, "overkill": 0.0, "review": 0.1, "defective": 8, "good": 20}
    auroc = {"part_auroc": 0.9, "part_auroc_low": 0.8, "part_auroc_high": 0.95}
    record.result = {"blessed": True, "metrics": {**auroc, "rates": rates}, "bundle": "/r/pushed/tile/v3"}
    row = row_of(record, True)
    assert (row.chip, row.version, row.seconds) == ("blessed", "v3", 5.0)
    assert round(row.escape.high, 3) == 0.651
    assert row.auroc.low == 0.8
    record.result["released_by"] = "A. Weber"
    assert (row_of(record, True).tone, row_of(record, True).chip) == ("warn", "released by A. Weber")
    record.result = {"blessed": False, "reasons": ["a", "b"], "metrics": {}, "bundle": None}
    assert (row_of(record, True).chip, row_of(record, True).said) == ("not blessed", "a (and 1 more)")
