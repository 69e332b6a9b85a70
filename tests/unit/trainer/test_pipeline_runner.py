import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from edge_agent.contracts.errors import Rejected, Unavailable
from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.driver import plan
from trainer.pipeline.executor import Executor
from trainer.pipeline.key import differences
from trainer.pipeline.runs import Runs
from trainer.pipeline.steplog import StepLog


@pytest.fixture
def toy(tmp_path, monkeypatch):
    made = make_toy(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(made.home))
    return made


def _statuses(record):
    return [step.status for step in record.steps]


def _metadata(toy):
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(toy.root / "metadata.sqlite")
    return MetadataStore(config)


def _states(toy):
    names = {value: name for name, value in mlmd.Execution.State.items()}
    return sorted(names[e.last_known_state] for e in _metadata(toy).get_executions())


def test_the_second_run_takes_all_from_the_store(toy):
    known, record = toy.run()
    assert _statuses(record) == ["done", "done", "done"]
    assert (known["Second.loud"].path / "text").read_text() == "hello SOME DATA1"
    assert known["First.text"].properties == {"length": 4}
    again, record = toy.run()
    assert _statuses(record) == ["cached", "cached", "cached"]
    assert again["Third.end"] == known["Third.end"]
    assert len(_metadata(toy).get_executions()) == 3


def test_lineage_is_in_ml_metadata_with_tfx_types(toy):
    toy.run()
    store = _metadata(toy)
    types = {t.id: t.name for t in store.get_artifact_types()}
    assert sorted(types[a.type_id] for a in store.get_artifacts()) == ["Examples", "Model", "PushedModel", "RawImages"]
    assert {t.name for t in store.get_context_types()} == {"pipeline", "pipeline_run", "node"}
    assert _states(toy) == ["COMPLETE"] * 3
    events = store.get_events_by_execution_ids([e.id for e in store.get_executions()])
    assert sum(e.type == mlmd.Event.OUTPUT for e in events) == 3
    assert sum(e.type == mlmd.Event.INPUT for e in events) == 3


def test_a_changed_parameter_runs_its_step_and_what_depends_on_it(toy):
    toy.run()
    _, record = toy.run(word="other")
    assert _statuses(record) == ["done", "done", "done"]
    _, record = toy.run(mode="x", word="other")
    assert _statuses(record) == ["cached", "done", "cached"]


@pytest.mark.fault("T13")
def test_an_edited_helper_runs_only_what_imports_it_and_why_names_the_file(toy):
    toy.run()
    toy.edit("words.py", "def greeting():\n    return 'good day '\n")
    driver = toy.driver()
    known = {"data": toy.data(driver, "data")}
    now = plan(toy.graph().step("First"), known, driver.imports)
    assert differences(driver.index.latest("First").parts, now.parts) == ["file toy/words.py changed"]
    driver.close()
    known, record = toy.run()
    assert _statuses(record) == ["done", "done", "done"]
    toy.edit("last.py", (toy.home / "toy" / "last.py").read_text() + "\n# changed\n")
    _, record = toy.run()
    assert _statuses(record) == ["cached", "cached", "done"]


def test_an_error_of_a_step_is_told_in_its_words_and_recorded(toy):
    with pytest.raises(Rejected, match="Second: found nonsense"):
        toy.run(mode="reject")
    assert _states(toy) == ["COMPLETE", "FAILED"]
    assert [step.status for step in Runs(toy.root).latest().steps] == ["done", "failed"]
    assert not list((toy.root / "staging").glob("Third*"))


def test_a_special_error_keeps_the_kind_that_it_is_of(toy):
    with pytest.raises(Rejected, match=r"Second: found something special$"):
        toy.run(mode="special")


def test_an_unforeseen_error_names_the_log(toy):
    with pytest.raises(Unavailable, match=r"Second: RuntimeError: unforeseen; the log is .*worker\.log"):
        toy.run(mode="break")
    assert "unforeseen" in (toy.root / "runs" / "19700101-000001" / "worker.log").read_text()


def test_a_killed_worker_is_an_error_that_can_be_tried_again_and_scratch_outlives_it(toy):
    with pytest.raises(Unavailable, match="killed by signal 9; run again to go on"):
        toy.run(mode="die")
    assert _states(toy) == ["COMPLETE", "FAILED"]
    known, record = toy.run(mode="die")
    assert _statuses(record) == ["cached", "done", "done"]
    assert (known["Second.loud"].path / "text").read_text().endswith("2")
    assert not list((toy.root / "scratch").iterdir())


def test_what_was_not_blessed_goes_no_further(toy):
    known, record = toy.run(mode="curse")
    assert _statuses(record) == ["done", "done", "skipped"]
    assert "Third.end" not in known
    assert record.steps[2].remark == "Second.loud is not blessed"
    assert _statuses(toy.run(mode="curse")[1]) == ["cached", "cached", "skipped"]


def test_an_execution_left_running_by_a_killed_run_is_cancelled_at_the_next_start(toy):
    toy.run()
    driver, store = toy.driver(), _metadata(toy)
    execution = mlmd.Execution(
        type_id=store.get_execution_type("lineside.Second").id,
        last_known_state=mlmd.Execution.RUNNING,
        name="killed.Second",
    )
    (number,) = store.put_executions([execution])
    driver.index.started(number, "Second", "killed")
    driver.close()
    toy.run()
    assert _states(toy) == ["CANCELED", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert toy.driver().index.orphans() == []


@pytest.mark.fault("T15")
def test_content_renamed_into_the_store_by_a_killed_run_is_published_once(toy):
    known, _ = toy.run()
    driver = toy.driver()
    driver.index.forget(driver.index.latest("Third").parts.key)
    driver.close()
    again, record = toy.run()
    assert _statuses(record) == ["cached", "cached", "done"]
    assert again["Third.end"].digest == known["Third.end"].digest
    artifacts = [a for a in _metadata(toy).get_artifacts() if a.uri == str(known["Third.end"].path)]
    assert len(artifacts) == 1


@pytest.mark.fault("T18")
def test_damaged_content_is_found_thrown_out_and_made_again(toy):
    known, _ = toy.run()
    (known["Second.loud"].path / "text").write_text("tampered")
    again, record = toy.run()
    assert _statuses(record) == ["cached", "done", "cached"]
    assert (again["Second.loud"].path / "text").read_text() == "hello SOME DATA1"


def _edits(toy, monkeypatch, owner, name):
    """Let the next call of a method edit a helper when it ends; say with what."""
    original = getattr(owner, name)

    def edited(self, *arguments, **named):
        answer = original(self, *arguments, **named)
        toy.edit("words.py", "def greeting():\n    return 'goodbye '\n")
        return answer

    monkeypatch.setattr(owner, name, edited)


@pytest.mark.fault("T13")
@pytest.mark.parametrize(("owner", "name"), [(StepLog, "end"), (Executor, "run")], ids=["between", "in"])
def test_code_edited_while_a_run_goes_on_publishes_nothing_under_its_name(toy, monkeypatch, owner, name):
    with monkeypatch.context() as once:
        _edits(toy, once, owner, name)
        with pytest.raises(Rejected, match=r"toy/words.py was edited while the pipeline ran; run again"):
            toy.run()
    known, record = toy.run()
    assert _statuses(record) == ["done", "done", "done"]
    assert (known["Second.loud"].path / "text").read_text() == "goodbye SOME DATA1"
