"""Numbered fault cases of the trainer, on the real command and the real worker process."""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.recipe import load_recipe
from trainer.data.source import list_data
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import build_graph
from trainer.pipeline.progress import Lines
from trainer.pipeline.recipes import RECIPES
from trainer.pipeline.runner import Runner
from trainer.pipeline.runs import RunRecord, Runs, run_id
from trainer.pipeline.settings import Settings
from trainer.samples.generate import generate_samples
from trainer.tasks.order import DATA, Order
from trainer.tasks.vision import VisionTask

PICTURES = 2400
pytestmark = pytest.mark.slow


def _picture(number, suffix=".png", channels=1):
    rng = np.random.default_rng(number)
    shape = (32, 32, channels) if channels > 1 else (32, 32)
    return cv2.imencode(suffix, rng.integers(0, 255, shape, np.uint8))[1].tobytes()


def _header(width, height):
    """A PNG that claims to be `width` x `height` and holds nothing of it."""
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def folder(tmp_path):
    """2,400 small pictures of 600 parts, one of five defective."""
    made = tmp_path / "data"
    (made / "images").mkdir(parents=True)
    rows = ["image,mask,part,exposure,label"]
    for number in range(PICTURES):
        (made / "images" / f"{number}.png").write_bytes(_picture(number))
        part = number // 4
        rows.append(f"images/{number}.png,,p{part},{number % 4},{'ok' if part % 5 else 'pit'}")
    (made / "labels.csv").write_text("\n".join(rows) + "\n")
    return made


def _ingest(folder, root, **changed):
    """Run ExampleGen alone, with the real driver and worker; return its artifact."""
    recipe = load_recipe(RECIPES / "machined-surface.yaml")
    network = recipe.network.model_copy(update={"height": 32, "width": 32})
    settings = Settings(example_gen={**Settings().example_gen.model_dump(), **changed})
    driver = Driver(root)
    record = RunRecord(run_id(1000, set(Runs(root).names())), "ingest", 1000)
    try:
        task = VisionTask(Order(recipe.model_copy(update={"network": network}), settings, root, [folder]), driver)
        data, step = task.data(), task.graph().steps[0]
        runner = Runner(driver, record, Lines(io.StringIO()), time.time)
        return runner.run(build_graph("ingest", [step], [DATA]), {DATA: data})["ExampleGen.examples"]
    finally:
        driver.close()


@pytest.mark.fault("T01")
@pytest.mark.fault("T02")
@pytest.mark.fault("T03")
def test_bad_pictures_are_set_aside_with_path_digest_and_reason(folder, tmp_path):
    images = folder / "images"
    whole = _picture(1, ".jpg")
    (images / "7.png").write_bytes(whole[: len(whole) // 2])
    (images / "8.png").write_bytes(_header(60_000, 60_000))
    (images / "9.png").write_bytes(_picture(9, ".jpg"))
    (images / "10.png").write_bytes(cv2.imencode(".png", np.full((32, 32), 40_000, np.uint16))[1].tobytes())
    (images / "11.png").write_bytes(_picture(11, ".png", 3))
    started = time.monotonic()
    examples = _ingest(folder, tmp_path / "root")
    assert time.monotonic() - started < 300
    bad = {entry["path"]: entry for entry in json.loads((examples.path / "quarantine.json").read_text())}
    assert set(bad) == {"images/7.png", "images/8.png"}
    assert "cut off" in bad["images/7.png"]["reason"]
    assert "60000 x 60000" in bad["images/8.png"]["reason"]
    assert all(len(entry["sha256"]) == 64 for entry in bad.values())
    kept = examples.properties
    assert sum(kept[f"pictures_{split}"] for split in ("train", "eval", "test")) == PICTURES - 2
    assert (kept["quarantined"], kept["misnamed"]) == (2, 1)
    with pytest.raises(Rejected, match=r"2 of 2400 pictures are bad, more than max_bad 0\.05%"):
        _ingest(folder, tmp_path / "root", max_bad=0.0005)


@pytest.mark.fault("T01")
def test_above_the_limit_the_command_exits_with_3_in_one_line(tmp_path):
    data = tmp_path / "data"
    generate_samples(data, 4, 1)
    victim = sorted((data / "images").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:500])
    command = [str(Path(sys.executable).with_name("trainer")), "pipeline", "run", "--recipe", "machined-surface"]
    command += ["--data", str(data), "--root", str(tmp_path / "root")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("trainer: ")]
    assert f"images/{victim.name}" in line
    assert "more than max_bad 0.10% allows" in line


@pytest.mark.fault("T12")
def test_a_picture_that_changes_while_the_pipeline_runs_stops_it(folder, tmp_path):
    driver = Driver(tmp_path / "root")
    list_data([folder], driver.store, driver.index, time.time_ns)
    driver.close()
    stat = (folder / "images" / "5.png").stat()
    driver = Driver(tmp_path / "root")
    known = driver.index.known_files()[str(folder / "images" / "5.png")]
    (folder / "images" / "5.png").write_bytes(_picture(5000))
    changed = (folder / "images" / "5.png").stat()
    now = type(known[0])(changed.st_size, changed.st_mtime_ns, changed.st_ctime_ns, changed.st_ino)
    driver.index.remember_files([(str(folder / "images" / "5.png"), now, changed.st_ctime_ns + 10**9, known[2])])
    driver.close()
    assert stat.st_ino == changed.st_ino
    with pytest.raises(Rejected, match=r"images/5\.png changed while the pipeline ran"):
        _ingest(folder, tmp_path / "root")
    assert not list((tmp_path / "root").glob("staging/*/Split-*"))


_SMALL = ["epochs=12", "network.height=64", "network.width=64", "network.backbone=tiny"]
_NO_DELIVERY = ["blessing.auroc_min=1", "blessing.recall_min=1", "thresholds.review_share=0.01"]


def _command(data, root):
    command = [str(Path(sys.executable).with_name("trainer")), "pipeline", "run", "--recipe", "machined-surface"]
    command += ["--data", str(data), "--root", str(root), "--json"]
    return command + [text for value in (*_SMALL, *_NO_DELIVERY) for text in ("--set", value)]


def _epochs(root):
    return sum(len(path.read_text().splitlines()) for path in (root / "scratch").glob("*/epochs.jsonl"))


def _wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


@pytest.mark.fault("T14")
def test_killed_while_training_it_goes_on_after_the_last_finished_epoch(tmp_path):
    data, root, temporary = tmp_path / "data", tmp_path / "root", tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    generate_samples(data, 20, 3, frames=2)
    process = subprocess.Popen(
        _command(data, root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    _wait(lambda: _epochs(root) >= 3, 300, "the third epoch")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((root / "runs" / Runs(root).names()[0] / "run.json").read_text())["state"] == "running"
    _wait(lambda: not _workers(root), 30, "the end of the worker whose parent died")
    reached = _epochs(root)

    again = _command(data, root)
    done = subprocess.run(again, capture_output=True, text=True, timeout=500, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [*temporary.iterdir(), *(root / "staging").iterdir()] == []
    found = json.loads(done.stdout.strip().splitlines()[-1])
    status = {step["name"]: step["status"] for step in found["steps"]}
    assert [status[name] for name in ("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform")] == (
        ["cached"] * 5
    )
    assert status["Trainer"] == "done"
    driver = Driver(root)
    model = driver.index.latest("Trainer").outputs["model"]
    curve = json.loads((driver.store.path(model.digest) / "training.json").read_text())["epochs"]
    assert driver.index.orphans() == []
    driver.close()
    assert reached - 1 <= model.properties["resumed_from"] <= reached
    assert [epoch["number"] for epoch in curve] == list(range(1, 13))
    assert _states(root)["RUNNING"] == 0
    assert _states(root)["CANCELED"] == 1
    assert json.loads((root / "runs" / Runs(root).names()[0] / "run.json").read_text())["state"] == "failed"


def _workers(root):
    """Return the worker processes whose log lies in this root."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_worker = b"trainer.pipeline.worker" in (folder / "cmdline").read_bytes()
            if is_worker and str(root) in os.readlink(folder / "fd" / "2"):
                found.append(folder.name)
        except OSError:
            continue
    return found


def _states(root):
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(root / "metadata.sqlite")
    names = {value: name for name, value in mlmd.Execution.State.items()}
    counts = dict.fromkeys(names.values(), 0)
    for execution in MetadataStore(config).get_executions():
        counts[names[execution.last_known_state]] += 1
    return counts


@pytest.mark.fault("T17")
def test_two_runs_at_once_both_end_and_each_step_is_done_once(tmp_path):
    data, root = tmp_path / "data", tmp_path / "root"
    generate_samples(data, 20, 4, frames=2)
    command = [*_command(data, root), "--set", "epochs=1"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(2)
    ]
    found = []
    for process in both:
        out, err = process.communicate(timeout=550)
        assert process.returncode == 0, err[-2000:]
        assert "locked" not in err
        found.append(json.loads(out.strip().splitlines()[-1]))
    for step in itertools.islice(zip(*(run["steps"] for run in found), strict=True), 7):
        assert {one["status"] for one in step} == {"done", "cached"}
    assert _states(root)["COMPLETE"] == 7
