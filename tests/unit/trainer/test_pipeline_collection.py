import os
import subprocess
import sys
import time

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.collection import collect, find_waste, needed
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.key import Parts
from trainer.pipeline.runs import RunRecord, Runs, StepRecord


def _entry(step, output, *inputs):
    parts = Parts("m:f", {f"i{n}": digest for n, digest in enumerate(inputs)}, {}, {}, {}, {})
    return Entry(step, parts, {"out": Stored("T", output, {})}, "r", 1.0, 1)


def test_needed_is_all_that_something_was_made_of():
    entries = {"1": _entry("A", "a", "data"), "2": _entry("B", "b", "a", ""), "3": _entry("C", "c", "a")}
    assert needed(entries, ["b"]) == {"b", "a", "data"}
    assert needed(entries, []) == set()


@pytest.fixture
def toy(tmp_path, monkeypatch):
    made = make_toy(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(made.home), os.environ.get("PYTHONPATH", "")]))
    return made


def _collect(toy, blessed=(), keep_runs=1):
    driver = toy.driver()
    try:
        return collect(driver, lambda: blessed, keep_runs, "", lambda text: None)
    finally:
        driver.close()


def _metadata_agrees(toy):
    """The store, the index and ML Metadata know the same contents."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(toy.root / "metadata.sqlite")
    artifacts = MetadataStore(config).get_artifacts()
    there = {path.name for path in (toy.root / "cas").glob("*/*")}
    live = {a.uri.rpartition("/")[2] for a in artifacts if a.state == mlmd.Artifact.LIVE}
    gone = {a.uri.rpartition("/")[2] for a in artifacts if a.state == mlmd.Artifact.DELETED}
    driver = toy.driver()
    known = {s.digest for entry in driver.index.entries().values() for s in entry.outputs.values()}
    driver.close()
    assert live == there
    assert known <= there
    assert not gone & there
    return gone


def test_what_only_older_runs_need_goes_and_all_agree(toy):
    toy.run()
    old, _ = toy.run(mode="old")
    toy.run(mode="new", word="other")
    driver = toy.driver()
    ahead = find_waste(driver, [old["Second.loud"].digest], 1)
    driver.close()
    waste = _collect(toy, blessed=[old["Second.loud"].digest])
    assert waste == ahead
    assert set(waste.digests) == {old["Third.end"].digest}
    assert _metadata_agrees(toy) == set(waste.digests)
    _, record = toy.run(mode="new", word="other")
    assert [step.status for step in record.steps] == ["cached"] * 3
    _, record = toy.run(mode="old")
    assert [step.status for step in record.steps][:2] == ["cached"] * 2
    assert _collect(toy, keep_runs=9).digests == {}


def test_what_was_collected_is_made_again_and_lives_again(toy):
    toy.run()
    toy.run(mode="b", word="b", data="b")
    assert _collect(toy).size > 0
    _, record = toy.run()
    assert [step.status for step in record.steps] == ["done"] * 3
    _metadata_agrees(toy)


def test_checkpoints_that_no_kept_run_knows_go_too(toy):
    driver = toy.driver()
    (driver.store.scratch_folder("k" * 64) / "checkpoint").write_text("12345")
    driver.close()
    toy.run()
    assert _collect(toy).scratch == {"k" * 16: 5}
    assert not list((toy.root / "scratch").iterdir())


@pytest.mark.parametrize("keep_runs", [0, 1])
def test_what_resume_would_go_on_with_stays_however_many_runs_came_after(toy, keep_runs):
    _, made = toy.run()
    runs, first = Runs(toy.root), made.step("First").outputs["text"]
    steps = [StepRecord("First", "done", outputs={"text": first}), StepRecord("Second", "failed", key="k" * 64)]
    runs.save(RunRecord("killed", "toy", 2_000, state="failed", arguments={"word": "other"}, steps=steps))
    for number in range(3):
        runs.save(RunRecord(f"later-{number}", "toy", 3_000 + number, state="done"))
    driver = toy.driver()
    (driver.store.scratch_folder("k" * 64) / "checkpoint").write_text("12345")
    driver.close()
    waste = _collect(toy, keep_runs=keep_runs)
    assert waste.scratch == {}
    assert first not in waste.digests
    assert made.step("Third").outputs["end"] in waste.digests


def test_what_a_killed_run_left_half_done_goes_too(toy):
    toy.run()
    left = toy.root / "staging" / "of-a-killed-run" / "temporary-1"
    left.mkdir(parents=True)
    _collect(toy)
    assert list((toy.root / "staging").iterdir()) == []


def test_a_run_beside_a_collection_keeps_what_it_uses(toy):
    toy.run()
    command = [sys.executable, "-m", "tests.simulators.toy_command", str(toy.folder), "--wide"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    collected = 0
    while process.poll() is None:
        collected += len(_collect(toy, keep_runs=0).digests)
        time.sleep(0.05)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert collected in (4, 4 + 6), "what ran before, and what the run made once it had ended"
    _metadata_agrees(toy)
