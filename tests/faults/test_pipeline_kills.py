"""A run that is killed at every step and between any two writes, and two runs at once, in processes of their own."""

import json
import os
import signal
import subprocess
import sys

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tests.conftest import wait_for
from tests.simulators.toy_command import POINTS
from tests.simulators.toy_pipeline import make_toy
from trainer.inspect import status_of
from trainer.pipeline.runs import RunRecord, Runs, StepRecord

STEPS = ("First", "Second", "Third")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    made = make_toy(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(made.home), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TOY_KILL", str(tmp_path / "kill"))
    return made


def _start(toy, *arguments):
    command = [sys.executable, "-m", "tests.simulators.toy_command", str(toy.folder), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, start_new_session=True, **pipes)


def _killed(process):
    _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, said


def _ended(process):
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return json.loads(out)


def _executions(toy):
    """Return the states of each execution type's executions."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(toy.root / "metadata.sqlite")
    store = MetadataStore(config)
    types = {kind.id: kind.name.removeprefix("lineside.") for kind in store.get_execution_types()}
    found = {}
    for execution in store.get_executions():
        state = mlmd.Execution.State.Name(execution.last_known_state)
        found.setdefault(types[execution.type_id], []).append(state)
    return {name: sorted(states) for name, states in found.items()}


def _contents(toy):
    return sorted(path.name for path in (toy.root / "cas").glob("*/*"))


def _nothing_left_over(toy):
    driver = toy.driver()
    try:
        assert driver.index.orphans() == []
        assert driver.index.pins() == {}
        assert all(driver.store.holds(digest) for digest in _contents(toy))
    finally:
        driver.close()
    assert list((toy.root / "staging").iterdir()) == []
    assert list((toy.root / "scratch").iterdir()) == []


@pytest.mark.fault("T15")
@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_in_a_step_is_gone_on_with(toy, tmp_path, step):
    (tmp_path / "kill").write_text(step)
    _killed(_start(toy))
    assert Runs(toy.root).latest().state == "running"
    known, record = toy.run()
    place = STEPS.index(step)
    assert [one.status for one in record.steps] == ["cached"] * place + ["done"] * (3 - place)
    assert (known["Third.end"].path / "end").read_text() == "1ATAD EMOS olleh"
    assert _executions(toy) == {name: ["CANCELED", "COMPLETE"] if name == step else ["COMPLETE"] for name in STEPS}
    _nothing_left_over(toy)


@pytest.mark.fault("T15")
@pytest.mark.parametrize("point", list(POINTS))
def test_a_run_killed_between_two_writes_publishes_once(toy, point):
    _killed(_start(toy, "--die", point))
    before = _contents(toy)
    _, record = toy.run()
    unknown = point in ("made", "noted")
    assert [one.status for one in record.steps] == ["cached", "done" if unknown else "cached", "done"]
    assert set(before) <= set(_contents(toy))
    assert len(_contents(toy)) == 4
    states = _executions(toy)
    assert states["Second"] == (["CANCELED", "COMPLETE"] if unknown else ["COMPLETE"])
    assert [states[name] for name in ("First", "Third")] == [["COMPLETE"]] * 2
    _nothing_left_over(toy)


@pytest.mark.fault("T17")
def test_two_runs_at_once_do_each_step_once_and_leave_nothing(toy):
    both = [_start(toy, "--wide", "--jobs", "2") for _ in range(2)]
    found = [_ended(process) for process in both]
    for name in ("Left", "Right", "After", "Beside", "Join"):
        assert sorted(run[name] for run in found) == ["cached", "done"]
        assert _executions(toy)[name] == ["COMPLETE"]
    assert {Runs(toy.root).load(name).run for name in Runs(toy.root).names()} == {
        "19700101-000001",
        "19700101-000001-2",
    }
    _nothing_left_over(toy)


@pytest.mark.fault("T17")
def test_a_run_takes_over_the_step_of_one_that_is_killed_beside_it(toy, tmp_path):
    (tmp_path / "kill").write_text("Second")
    both = [_start(toy) for _ in range(2)]
    ended = [(process, *process.communicate(timeout=120)) for process in both]
    killed = [process for process, _, _ in ended if process.returncode == -signal.SIGKILL]
    ((_, out, _),) = [one for one in ended if one[0].returncode == 0]
    assert len(killed) == 1
    assert json.loads(out)["Second"] == "done"
    assert _executions(toy)["Second"] == ["CANCELED", "COMPLETE"]
    toy.run()
    _nothing_left_over(toy)


def test_an_interrupted_run_ends_its_steps_and_says_so(toy):
    process = _start(toy, "--slow", "--jobs", "2")
    wait_for(lambda: toy.log.exists() and toy.log.read_text().count("begin") == 2, 60, "two steps at once")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    record = Runs(toy.root).latest()
    assert {step.name: (step.status, step.remark) for step in record.steps} == {
        "Left": ("failed", "interrupted"),
        "Right": ("failed", "interrupted"),
    }
    assert _executions(toy) == {"Left": ["FAILED"], "Right": ["FAILED"]}
    assert toy.log.read_text().count("end") == 0


def test_a_killed_run_is_told_from_a_living_one(toy):
    runs = Runs(toy.root)
    with runs.begin(1_000) as name:
        assert runs.is_alive(name)
        assert runs.process(name) == str(os.getpid())
        with runs.begin(1_000) as other:
            assert other != name
        runs.save(RunRecord(name, "toy", 1_000, steps=[StepRecord("First", "running")]))
        assert status_of(toy.root)["latest"]["state"] == "running"
    assert not runs.is_alive(name)
    found = status_of(toy.root)
    assert [found["runs"][-1]["state"], found["latest"]["state"]] == ["killed", "killed"]
    assert found["latest"]["steps"][0]["status"] == "killed"
