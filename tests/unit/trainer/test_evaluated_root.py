"""Commands that look at an evaluation again: thresholds, bless, report. No TensorFlow."""

import json

import pytest
from click.testing import CliRunner
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from edge_agent.contracts.errors import ConfigError, Rejected
from tests.simulators.evaluated import evaluated
from trainer.cli import main
from trainer.evaluation.override import override
from trainer.evaluation.released import overrides, read_override
from trainer.lineage.text import lineage_of
from trainer.pipeline.driver import Driver
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.step import Artifact
from trainer.reports.again import write_again
from trainer.run import _result

RUN = "20260101-000000"
STRICT = [{"metric": "escape", "upper": 0.001}]
WHY = "all parts are audited until more defects were seen"


def say(*arguments):
    return CliRunner().invoke(main, [str(word) for word in arguments])


def test_the_choice_again_is_the_evaluators_and_another_target_is_answered(tmp_path):
    metrics = evaluated(tmp_path, cost={"escape": 50})
    same = json.loads(say("thresholds", "--root", tmp_path, "--json").output)
    assert same["thresholds"] == metrics["thresholds"]
    assert same["inspection"] == metrics["inspection"]
    done = say("thresholds", "--root", tmp_path, "--escape-rate", "0.01")
    assert done.exit_code == 0
    assert "refused" in done.output
    assert "230 defective parts are needed, 182 more than there are" in done.output
    assert "station=B" in done.output
    loose = json.loads(
        say("thresholds", "--root", tmp_path, "--escape-rate", "0.2", "--cost", 1, 1, 1, "--json").output
    )
    assert not loose["refused"]
    assert loose["cost"] == {"escape": 1.0, "overkill": 1.0, "review": 1.0, "defective_share": None}


@pytest.mark.parametrize("option", [("--review-share", "nan"), ("--escape-rate", "nan"), ("--cost", "nan", 5, 1)])
def test_what_is_no_number_is_refused_in_one_line(tmp_path, option):
    evaluated(tmp_path)
    done = say("thresholds", "--root", tmp_path, *option)
    assert (done.exit_code, done.output.count("\n")) == (5, 1)
    assert "finite number" in done.output


def test_without_an_evaluation_one_line_says_so(tmp_path):
    done = say("thresholds", "--root", tmp_path)
    assert done.exit_code == 5
    assert "nothing was evaluated there" in done.output


def test_a_refused_model_is_released_once_and_on_record(tmp_path):
    metrics = evaluated(tmp_path, thresholds=STRICT)
    assert not metrics["blessed"]
    done = say("bless", RUN, "--root", tmp_path, "--by", "A. Weber", "--reason", WHY, "--json")
    (made,) = overrides(tmp_path)
    assert json.loads(done.output)["by"] == made.by == "A. Weber"
    assert "released by A. Weber" in (tmp_path / "runs" / "index.html").read_text()
    assert made.refused == tuple(metrics["reasons"])
    driver = Driver(tmp_path)
    blessing = driver.index.find(Runs(tmp_path).load(RUN).step("Evaluator").key).outputs["blessing"]
    artifact = driver.artifact(blessing)
    driver.close()
    assert artifact.blessed
    assert read_override(artifact.path) == made
    assert (artifact.path / "BLESSED").is_file()
    assert any("released by A. Weber" in line for line in lineage_of(tmp_path, artifact.digest))
    later = RunRecord("later", "tile", 0, "done")
    passed = Artifact("InfraBlessing", "0" * 64, tmp_path, {"blessed": 1})
    later.result = _result(later, {"Evaluator.blessing": artifact, "InfraValidator.blessing": passed}, tmp_path)
    assert later.verdict == "released by A. Weber"
    with pytest.raises(Rejected, match="blessed already"):
        override(tmp_path, RUN, "B. Kurz", WHY, 1)


def test_the_record_stands_in_ml_metadata(tmp_path):
    evaluated(tmp_path, thresholds=STRICT, seed=7)
    override(tmp_path, f"{7:064x}"[:64], "A. Weber", WHY, 0)
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    store = MetadataStore(config)
    (execution,) = store.get_executions_by_type("lineside.AuditedOverride")
    assert execution.last_known_state == mlmd.Execution.COMPLETE
    blessings = store.get_artifacts_by_type("ModelBlessing")
    assert sorted(one.custom_properties["override_by"].string_value for one in blessings) == ["", "A. Weber"]
    assert [one.custom_properties["override_reason"].string_value for one in blessings][-1] == WHY


@pytest.mark.parametrize(
    ("wanted", "by", "reason", "kind", "words"),
    [
        (RUN, " ", WHY, Rejected, "a name and a reason"),
        (RUN, "A. Weber", "why not", Rejected, "a name and a reason"),
        ("20250101-000000", "A. Weber", WHY, ConfigError, "knows no evaluated model or run"),
        ("abc", "A. Weber", WHY, ConfigError, "its last runs are"),
    ],
)
def test_no_release_without_name_reason_and_model(tmp_path, wanted, by, reason, kind, words):
    evaluated(tmp_path, thresholds=STRICT)
    with pytest.raises(kind, match=words):
        override(tmp_path, wanted, by, reason, 0)
    assert overrides(tmp_path) == []


def test_the_page_needs_nothing_from_outside_and_shows_the_release(tmp_path):
    evaluated(tmp_path, thresholds=STRICT, cost={"escape": 100})
    before = write_again(tmp_path).read_text()
    override(tmp_path, RUN, "A. <Weber>", WHY, 0)
    done = say("pipeline", "report", "--root", tmp_path, "--json")
    page = (tmp_path / "runs" / RUN / "report.html").read_text()
    assert json.loads(done.output)["report"].endswith("report.html")
    assert "It ships because" in page
    assert "It ships because" not in before
    assert "A. &lt;Weber&gt;" in page
    for title in ("Escape rate", "What a threshold costs", "ROC per part", "May a score be believed?", "Nearest to"):
        assert title in page
    assert len(page) < 3_000_000


def test_the_status_says_what_became_of_each_model(tmp_path):
    evaluated(tmp_path, "20260101-000001", thresholds=STRICT)
    evaluated(tmp_path, "20260101-000002", seed=2)
    first, second = say("pipeline", "status", "--root", tmp_path).output.splitlines()[:2]
    assert first.split() == ["20260101-000001", "done", "not", "blessed"]
    assert second.split() == ["20260101-000002", "done", "blessed"]


def test_an_unknown_run_is_one_line(tmp_path):
    evaluated(tmp_path)
    done = say("pipeline", "report", "--root", tmp_path, "--run", "nothing")
    assert done.exit_code == 5
    assert "no record of a run" in done.output


@pytest.mark.fault("T09")
def test_an_evaluation_without_a_defective_part_is_shown_and_never_blessed(tmp_path):
    metrics = evaluated(tmp_path, bad=0.0)
    assert not metrics["blessed"]
    assert "insufficient evidence: 0 defective" in metrics["reasons"][0]
    assert metrics["evidence"]["missing"] == 45
    page = write_again(tmp_path).read_text()
    assert "insufficient evidence" in page
    assert "both kinds of parts are needed" in page
    assert "– to –" not in page
    assert "45 more defective parts" in say("thresholds", "--root", tmp_path).output
