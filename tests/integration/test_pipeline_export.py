"""`trainer pipeline export`: the real Airflow loads the DAG, the real kfp compiles the pipeline."""

import json
import os
import shlex
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from tests.simulators.environments import shared_environment
from trainer.cli import main
from trainer.commands.pipeline import pipeline
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import producer
from trainer.pipeline.recipes import load
from trainer.request import Request
from trainer.run import task_for

pytestmark = pytest.mark.slow
WORDS = ["--recipe", "machined-surface", "--root", "/mnt/work", "--data", "/mnt/parts", "--set", "epochs=5"]
CONTAINER = ["--image", "registry.example/lineside:1", "--volume", "lineside:/mnt"]
LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
found = {"errors": bag.import_errors, "dags": {}}
for name, dag in bag.dags.items():
    found["dags"][name] = [
        {"step": t.task_id, "kind": type(t).__name__, "after": sorted(t.upstream_task_ids), "retries": t.retries,
         "command": getattr(t, "bash_command", None) or [*t.cmds, *t.arguments],
         "image": getattr(t, "image", ""), "mounts": [m.mount_path for m in getattr(t, "volume_mounts", [])]}
        for t in dag.topological_sort()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def waits(tmp_path_factory):
    """What each step of the pipeline waits for, as the graph says."""
    recipe, chosen = load("machined-surface", ())
    driver = Driver(tmp_path_factory.mktemp("root"))
    graph = task_for(Request("machined-surface", (), driver.root), recipe, chosen, driver).graph()
    driver.close()
    names = {step.name for step in graph.steps}
    return {step.name: {producer(reference) for reference in step.inputs.values()} & names for step in graph.steps}


def export(orchestrator, out, *more):
    done = CliRunner().invoke(main, ["pipeline", "export", "--to", orchestrator, "--out", str(out), *WORDS, *more])
    assert done.exit_code == 0, done.output


def test_airflow_loads_the_dag(waits, tmp_path, tmp_path_factory):
    environment = shared_environment(tmp_path_factory, "airflow")
    (tmp_path / "dags").mkdir()
    export("airflow", tmp_path / "dags" / "workers.py")
    text = (tmp_path / "dags" / "workers.py").read_text()
    pods = tmp_path / "dags" / "pods.py"
    export("airflow", pods, *CONTAINER, "--schedule", "@daily", "--retries", "5")
    pods.write_text(pods.read_text().replace("dag_id='machined-surface'", "dag_id='pods'"))
    home = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [environment / "bin" / "python", "-c", LOAD, tmp_path / "dags"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": os.environ["PATH"], **home}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == {}
    workers, in_pods = found["dags"]["machined-surface"], found["dags"]["pods"]
    assert {task["step"]: set(task["after"]) for task in workers} == waits
    assert {task["step"]: set(task["after"]) for task in in_pods} == waits
    assert {(task["kind"], task["retries"]) for task in workers} == {("BashOperator", 2)}
    assert {(task["kind"], task["retries"]) for task in in_pods} == {("KubernetesPodOperator", 5)}
    assert all(task["image"] == CONTAINER[1] and task["mounts"] == ["/mnt"] for task in in_pods)
    for task, pod in zip(workers, in_pods, strict=True):
        expected = ["trainer", "pipeline", "run", "--only", task["step"], *WORDS, "--json"]
        assert sorted(shlex.split(task["command"])) == sorted(pod["command"]) == sorted(expected)
        asked = pipeline.commands["run"].make_context("run", shlex.split(task["command"])[3:]).params
        assert (asked["only"], asked["recipe"], asked["assignments"]) == (task["step"], WORDS[1], ("epochs=5",))
    export("airflow", tmp_path / "again.py")
    assert (tmp_path / "again.py").read_text() == text


def test_kubeflow_compiles_the_pipeline(waits, tmp_path, tmp_path_factory):
    environment = shared_environment(tmp_path_factory, "kfp")
    export("kubeflow", tmp_path / "pipeline.py", *CONTAINER)
    command = [environment / "bin" / "python", "-W", "error", tmp_path / "pipeline.py", tmp_path / "pipeline.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    spec, platform = yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())
    tasks = {task["taskInfo"]["name"]: task for task in spec["root"]["dag"]["tasks"].values()}
    keys = {name: key for key, task in spec["root"]["dag"]["tasks"].items() for name in [task["taskInfo"]["name"]]}
    assert {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()} == {
        step: {keys[before] for before in after} for step, after in waits.items()
    }
    for task in tasks.values():
        assert not task["cachingOptions"].get("enableCache")
        assert task["retryPolicy"]["maxRetryCount"] == 2
    executors = spec["deploymentSpec"]["executors"]
    container = executors[spec["components"]["comp-example-gen"]["executorLabel"]]["container"]
    assert container["image"] == CONTAINER[1]
    assert container["command"] == ["trainer"]
    assert sorted(container["args"]) == sorted(["pipeline", "run", "--only", "ExampleGen", *WORDS, "--json"])
    mounted = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert all(one["pvcMount"][0]["mountPath"] == "/mnt" for one in mounted.values())
    assert set(mounted) == set(executors)
