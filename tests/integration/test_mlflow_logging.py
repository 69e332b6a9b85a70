"""Runs in MLflow, read back by its own client from a real SQLite store; and what happens when nobody answers."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.program import python_program
from tests.simulators.evaluated import evaluated
from trainer.cli import main
from trainer.pipeline.runs import Runs
from trainer.pipeline.settings import MlflowSettings
from trainer.reports.again import write_again
from trainer.reports.tracking import DONE, WAITING, content_of, log_run, waiting

RUN = "20260101-000000"
pytestmark = pytest.mark.slow
READ = """
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1])
experiment = client.get_experiment_by_name(sys.argv[2])
runs = client.search_runs([experiment.experiment_id])
print(json.dumps([{"name": run.info.run_name, "id": run.info.run_id, "status": run.info.status,
    "metrics": run.data.metrics, "params": run.data.params, "tags": run.data.tags,
    "files": [one.path for one in client.list_artifacts(run.info.run_id)]} for run in runs]))
"""


def test_a_run_that_could_not_be_logged_waits_and_is_logged_later_once(tmp_path, monkeypatch):
    root, store = tmp_path / "root", f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(tmp_path)
    metrics = evaluated(root)
    write_again(root)
    away = MlflowSettings(tracking_uri="http://127.0.0.1:9", experiment="tiles")
    with pytest.raises(Unavailable, match="log-to-mlflow' tries again"):
        log_run(root, RUN, away)
    assert waiting(root) == {RUN: away}
    options = ["pipeline", "log-to-mlflow", "--root", str(root), "--run", RUN, "--tracking-uri", store, "--json"]
    first = json.loads(CliRunner().invoke(main, [*options, "--experiment", "tiles"]).output)["logged"][RUN]
    again = json.loads(CliRunner().invoke(main, [*options, "--experiment", "tiles"]).output)["logged"][RUN]
    assert first == again
    assert not (root / "runs" / RUN / WAITING).exists()
    assert (root / "runs" / RUN / DONE).is_file()
    command = [sys.executable, "-W", "ignore", "-c", READ, store, "tiles"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    (read,) = json.loads(done.stdout.strip().splitlines()[-1])
    assert (read["id"], read["name"], read["status"]) == (first["run_id"], RUN, "FINISHED")
    assert read["metrics"]["part.auroc"] == pytest.approx(metrics["part"]["auroc"])
    assert read["metrics"]["inspection.escape.high"] == pytest.approx(metrics["inspection"]["escape"]["high"])
    assert read["params"]["Evaluator.seed"] == "1"
    assert read["tags"]["lineside.blessed"] == str(metrics["blessed"]).lower()
    assert sorted(read["files"]) == ["metrics.json", "report.html"]


def test_a_logging_that_was_broken_off_is_finished_and_not_begun_again(tmp_path, monkeypatch):
    root, store = tmp_path / "root", f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(tmp_path)
    evaluated(root)
    wanted = MlflowSettings(tracking_uri=store, experiment="tiles")
    place = {"tracking_uri": store, "experiment": "tiles"}
    gone = {**place, **content_of(root, Runs(root).load(RUN)), "files": [str(tmp_path / "gone.html")]}
    broken = subprocess.run(
        python_program("trainer.reports.mlflow_child"), input=json.dumps(gone), capture_output=True, text=True
    )
    assert broken.returncode != 0
    made = log_run(root, RUN, wanted)
    command = [sys.executable, "-W", "ignore", "-c", READ, store, "tiles"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    (read,) = json.loads(done.stdout.strip().splitlines()[-1])
    assert (read["id"], read["status"], read["files"]) == (made["run_id"], "FINISHED", ["metrics.json"])


def test_nothing_waits_where_nobody_asked(tmp_path):
    evaluated(tmp_path)
    done = CliRunner().invoke(main, ["pipeline", "log-to-mlflow", "--root", str(tmp_path)])
    assert done.output == "0 runs logged\n"
    refused = CliRunner().invoke(main, ["pipeline", "log-to-mlflow", "--root", str(tmp_path), "--run", RUN])
    assert refused.exit_code == 5
    assert "give --tracking-uri" in refused.output
