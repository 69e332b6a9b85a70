"""Partial runs, looking ahead, and independent steps at once, with the real runner and real workers."""

import itertools

import pytest

from edge_agent.contracts.errors import ConfigError, Rejected
from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.lookahead import look_ahead
from trainer.pipeline.runs import Runs
from trainer.pipeline.selection import Selection


@pytest.fixture
def toy(tmp_path, monkeypatch):
    made = make_toy(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(made.home))
    return made


def _statuses(record):
    return {step.name: step.status for step in record.steps}


def _outlook(toy, graph, **chosen):
    driver = toy.driver()
    try:
        sources = {"data": toy.data(driver, "data")}
        return {one.step: (one.state, one.reasons) for one in look_ahead(driver, graph, sources, Selection(**chosen))}
    finally:
        driver.close()


def test_a_partial_run_takes_what_lies_before_from_the_store_and_leaves_out_the_rest(toy):
    with pytest.raises(ConfigError, match=r"First: its result is needed .*\(it never ran here\); begin there: --from"):
        toy.run(selection=Selection(begin="Second"))
    _, record = toy.run(selection=Selection(end="First"))
    assert _statuses(record) == {"First": "done", "Second": "skipped", "Third": "skipped"}
    assert record.steps[1].remark == "not asked for (--to First)"
    _, record = toy.run(selection=Selection(begin="Second", end="Second"))
    assert _statuses(record) == {"First": "cached", "Second": "done", "Third": "skipped"}
    with pytest.raises(ConfigError, match=r"First: its result .*\(parameter word changed from some to other\)"):
        toy.run(word="other", selection=Selection(only=("Third",)))
    known, _ = toy.run(selection=Selection(only=("Third",)))
    assert (known["Third.end"].path / "end").is_file()


def test_looking_ahead_says_what_would_run_and_why_and_runs_nothing(toy):
    ahead = _outlook(toy, toy.graph())
    assert ahead["First"] == ("would run", ["it never ran here"])
    assert ahead["Third"] == ("would run", ["First would run first: it never ran here"])
    assert not list((toy.root / "runs").glob("*")) if (toy.root / "runs").exists() else True
    toy.run()
    assert {state for state, _ in _outlook(toy, toy.graph()).values()} == {"cached"}
    changed = _outlook(toy, toy.graph(mode="new"))
    assert changed["Second"] == ("would run", ["parameter mode changed from  to new"])
    assert changed["Third"][1] == ["Second would run first: parameter mode changed from  to new"]
    assert _outlook(toy, toy.graph(mode="new"), begin="Third")["Second"][0] == "missing"
    assert _outlook(toy, toy.graph(), end="First")["Third"] == ("skipped", ["not asked for (--to First)"])
    toy.run(mode="curse")
    assert _outlook(toy, toy.graph(mode="curse"))["Third"] == ("skipped", ["Second.loud is not blessed"])


def test_independent_steps_run_at_once_and_make_the_same(toy, tmp_path_factory):
    one_by_one, _ = toy.run_graph(toy.wide(0.1))
    beside = make_toy(tmp_path_factory.mktemp("beside"))
    known, record = beside.run_graph(beside.wide(0.1), jobs=3)
    assert {name: artifact.digest for name, artifact in known.items()} == {
        name: artifact.digest for name, artifact in one_by_one.items()
    }
    assert [step.name for step in record.steps] == [step.name for step in beside.wide().steps]

    _, record = beside.run_graph(beside.wide(2.0), jobs=3)
    spans = beside.spans()
    assert set(_statuses(record).values()) == {"done"}
    assert spans["Left"][0] < spans["Right"][1]
    assert spans["Right"][0] < spans["Left"][1]
    assert all(spans["Join"][0] > end for name, (_, end) in spans.items() if name != "Join")
    logs = sorted(path.name for path in Runs(beside.root).path(record.run).glob("worker*.log"))
    assert logs == ["worker-2.log", "worker.log"]


def test_one_job_is_one_after_the_other_in_one_worker(toy):
    toy.run_graph(toy.wide(0.05))
    spans = sorted(toy.spans().values())
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_a_failing_step_lets_those_beside_it_end_and_starts_no_other(toy):
    with pytest.raises(Rejected, match="Left: asked to fail"):
        toy.run_graph(toy.wide(4.0, fails="Left"), jobs=2)
    assert _statuses(Runs(toy.root).latest()) == {"Left": "failed", "Right": "done"}


def test_two_steps_of_the_same_key_are_one_execution(toy):
    known, record = toy.run_graph(toy.wide(0.6, alike=True), jobs=2)
    assert sorted(_statuses(record)[name] for name in ("Left", "Right")) == ["cached", "done"]
    assert known["Left.text"].digest == known["Right.text"].digest
    assert _statuses(record)["Join"] == "done"
