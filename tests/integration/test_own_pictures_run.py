"""The user's own code for pictures, as the documentation has it, by the command: killed, resumed, served, compared."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from converter.flatbuffer import read_graph
from converter.targets import not_integer
from edge_agent.contracts.bundle import BundleFolder
from tests.simulators.tiny_pipeline import SET_TINY, result, trainer
from trainer import checkpoint
from trainer.pipeline.driver import Driver
from trainer.pipeline.runs import Runs

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
OWN = ["network.backbone=own", "variants=float32,int8", "converter.force=true"]


def own_code() -> str:
    """Return the example for pictures in docs/own-code.md, word for word."""
    _, code = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "own-code.md").read_text(), re.DOTALL)
    return str(code)


def arguments(data: Path, folder: Path) -> list[str]:
    """Return what is given to `trainer`: the recipe and the file lie in `folder`, outside the repository."""
    words = ["--recipe", str(folder / "gloss.yaml"), "--data", str(data), "--root", str(folder / "root")]
    return ["pipeline", "run", *words, *SET_TINY, *(word for text in OWN for word in ("--set", text)), "--json"]


def epochs(root: Path) -> int:
    """Return how many epochs the training that is under way has finished."""
    folders = list((root / "scratch").glob("*/checkpoints"))
    state = checkpoint.load(folders[0], ()) if folders else None
    return int(state[0]["epoch"]) if state else 0


def outputs(root: Path, step: str) -> Any:
    """Return the newest outputs of a step: their folders, and what the step said of them."""
    driver = Driver(root)
    try:
        made = driver.index.latest(step).outputs
        return {name: (driver.store.path(one.digest), one.properties) for name, one in made.items()}
    finally:
        driver.close()


@pytest.fixture(scope="module")
def ran(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run whose training was killed after its first epoch and gone on with; return the folder and its answer."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "gloss.py").write_text(own_code())
    shipped = (REPOSITORY / "trainer" / "recipes" / "machined-surface.yaml").read_text()
    (folder / "gloss.yaml").write_text(f"{shipped}pipeline:\n  module: gloss.py\n")
    command = [str(Path(sys.executable).with_name("trainer")), *arguments(tiny_data, folder)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=folder
    )
    end = time.monotonic() + 500
    while epochs(folder / "root") < 1:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return folder, result(trainer("pipeline", "resume", "--root", folder / "root", "--json"))


@pytest.mark.fault("T14")
def test_the_example_is_killed_resumed_and_becomes_integers(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, found = ran
    path, properties = outputs(folder / "root", "Trainer")["model"]
    assert properties["own"] == 1
    assert properties["resumed_from"] >= 1
    curve = json.loads((path / "training.json").read_text())["epochs"]
    assert [epoch["number"] for epoch in curve] == [1, 2, 3]
    bundle = BundleFolder(Path(found["bundle"]))
    manifest = bundle.open()
    assert manifest.recipe.network.backbone == "own"
    (int8,) = [variant for variant in manifest.variants if variant.id == "int8"]
    assert not_integer(read_graph(bundle.read(int8.blob)), "int8") == []


def test_own_figures_stand_in_evaluation_report_and_comparison(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, found = ran
    metrics = json.loads((outputs(folder / "root", "Evaluator")["evaluation"][0] / "metrics.json").read_text())
    assert set(metrics["own"]) == {"sure_of_the_truth", "hotter_in_a_defect"}
    assert 0 < metrics["own"]["sure_of_the_truth"] < 1
    page = (folder / "root" / "runs" / found["run"] / "report.html").read_text()
    assert "Your own figures" in page
    assert "hotter_in_a_defect" in page


def test_an_edited_file_is_named_and_a_bad_one_is_one_line(ran: tuple[Path, dict[str, Any]], tiny_data: Path) -> None:
    folder, _ = ran
    file = folder / "gloss.py"
    text = file.read_text()
    levels = "block(block(block(pictures, channels), 2 * channels), 3 * channels)"
    assert levels in text
    file.write_text(text.replace(levels, "block(block(pictures, channels), 5 * channels)"))
    try:
        said = trainer("pipeline", "why", "Trainer", "--root", folder / "root")
        assert "file own:gloss.py changed" in said.stdout
        done = trainer(*arguments(tiny_data, folder))
    finally:
        file.write_text(text)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("trainer: ")]
    assert "build_model: fine is (n, 16, 16, 60), expected (n, 8, 8, any): stride 8 of 64 x 64 pixels" in line
    steps = {step.name: step.status for step in Runs(folder / "root").latest().steps}
    assert (steps["Transform"], steps["Trainer"]) == ("cached", "failed")
