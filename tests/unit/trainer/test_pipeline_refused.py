"""A request that cannot be begun is no run: it leaves nothing that `resume`, `why` or the collection would look at."""

import json

import pytest
from click.testing import CliRunner

from trainer.cli import main
from trainer.pipeline.recipes import find_recipe
from trainer.pipeline.runs import RunRecord, Runs, StepRecord
from trainer.request import Request

ROW = "part,force,label\n1,2.5,ok\n2,3.5,burr\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROW)
    return path


def run(root, data, *more):
    words = ["pipeline", "run", "--recipe", "turned-part", "--root", root, "--data", data, *more]
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--only", "Trainr"], "no step 'Trainr'"),
        (["--only", "Trainer, Trainr"], "no step 'Trainr'"),
        (["--from", "Evaluator", "--to", "Trainer"], "exchange them"),
        (["--only", "Trainer", "--from", "Trainer"], "cannot be given together"),
        (["--version", "V2"], "--version V2: a version begins with a-z or 0-9"),
        (["--version", "../v2"], "a version begins with a-z or 0-9"),
        (["--version", "latest"], "the alias of the newest version"),
        (["--set", "variants=flaot32"], "variant 'flaot32' is unknown; did you mean 'float32'?"),
        (["--set", "variants=float32,int8"], "'int8' is not made of a model for tables"),
    ],
)
def test_wrong_options_leave_no_run(tmp_path, table, more, said):
    done = run(tmp_path / "root", table, *more)
    assert done.exit_code == 5
    assert said in done.output
    assert not list((tmp_path / "root" / "runs").iterdir())


def test_data_that_is_not_there_hides_no_earlier_run(tmp_path):
    runs = Runs(tmp_path)
    runs.save(RunRecord("19700101-000001", "turned-part", 1000, state="done"))
    done = run(tmp_path, tmp_path / "nowhere.csv")
    assert (done.exit_code, runs.names()) == (5, ["19700101-000001"])
    shown = CliRunner().invoke(main, ["pipeline", "status", "--root", str(tmp_path), "--json"])
    assert json.loads(shown.output)["latest"]["state"] == "done"


def test_a_span_that_is_not_there_leaves_no_run(tmp_path, table):
    (tmp_path / "span-1").mkdir()
    table.rename(tmp_path / "span-1" / "rows.csv")
    done = run(tmp_path / "root", tmp_path / "span-{SPAN}", "--set", "spans=9")
    assert (done.exit_code, "no span 9 there; found 1" in done.output) == (3, True)
    assert not Runs(tmp_path / "root").names()


def test_an_unknown_run_is_told_with_the_known_ones(tmp_path):
    Runs(tmp_path).save(RunRecord("19700101-000001", "turned-part", 1000, state="done"))
    done = CliRunner().invoke(main, ["pipeline", "report", "--root", str(tmp_path), "--run", "x"])
    assert "no record of a run 'x'; the last ones: 19700101-000001" in done.output


def test_a_run_whose_database_was_not_there_does_not_lead_the_collection_to_it(tmp_path):
    runs, arguments = Runs(tmp_path), {"recipe": "turned-part", "folders": [], "version": ""}
    good = RunRecord("19700101-000001", "turned-part", 1000, state="done", arguments={**arguments, "assignments": []})
    lost = RunRecord("19700101-000002", "turned-part", 2000, state="failed", steps=[StepRecord("ExampleGen", "failed")])
    lost.arguments = {**arguments, "assignments": ["metadata_url=mysql://nobody@127.0.0.1:1/lineage"]}
    for record in (good, lost):
        runs.save(record)
    assert runs.latest_made().run == good.run
    done = CliRunner().invoke(main, ["pipeline", "gc", "--root", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_a_recipe_is_found_again_from_another_folder(tmp_path, table, monkeypatch):
    (tmp_path / "mine.yaml").write_text(find_recipe("turned-part").read_text())
    monkeypatch.chdir(tmp_path)
    kept = Request("mine.yaml", (table,), tmp_path / "root").arguments()
    assert kept["recipe"] == str(tmp_path / "mine.yaml")
    assert Request("turned-part", (table,), tmp_path / "root").arguments()["recipe"] == "turned-part"


def test_asking_a_root_that_is_not_there_makes_none(tmp_path):
    done = CliRunner().invoke(main, ["pipeline", "lineage", "m@v1", "--root", str(tmp_path / "typo")])
    assert done.exit_code == 5
    assert "nothing ran here yet" in done.output
    assert not (tmp_path / "typo").exists()
