"""The user's own code for tables, from docs/own-code.md: trained, killed, resumed, served."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulators.sensor_table import SET_TINY, artifact, predicted, run, statuses, write_table
from tests.simulators.tiny_pipeline import result
from trainer import checkpoint
from trainer.pipeline.closure import code_closure
from trainer.pipeline.driver import Driver
from trainer.pipeline.key import Parts

ROWS = 600
REPOSITORY = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def own_code():
    """Return the example of docs/own-code.md, word for word."""
    code, _ = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "own-code.md").read_text(), re.DOTALL)
    return code


def command(table, root, recipe):
    words = [str(Path(sys.executable).with_name("trainer")), "pipeline", "run", "--recipe", str(recipe), "--json"]
    return [*words, "--data", str(table), "--root", str(root), *SET_TINY, "--set", "epochs=60", "--set", "batch=8"]


def epochs(root):
    """Return how many epochs the training that is under way has finished."""
    folders = list((root / "scratch").glob("*/checkpoints"))
    state = checkpoint.load(folders[0], ()) if folders else None
    return state[0]["epoch"] if state else 0


@pytest.mark.fault("T14")
def test_the_user_s_own_code_is_trained_killed_resumed_and_served(tmp_path):
    table = write_table(tmp_path / "readings.csv", ROWS)
    root, recipe = tmp_path / "root", tmp_path / "own.yaml"
    (tmp_path / "turning.py").write_text(own_code())
    shipped = (REPOSITORY / "trainer" / "recipes" / "turned-part.yaml").read_text()
    recipe.write_text(shipped.replace("pipeline:\n", "pipeline:\n  module: turning.py\n"))
    process = subprocess.Popen(
        command(table, root, recipe), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + 300
    while epochs(root) < 3:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(command(table, root, recipe), capture_output=True, text=True, timeout=500, check=False)
    found = result(done)
    assert [statuses(found)[name] for name in ("ExampleGen", "Transform", "Trainer")] == ["cached", "cached", "done"]
    model = artifact(root, "Trainer", "model")
    curve = json.loads((model / "training.json").read_text())["epochs"]
    assert [epoch["number"] for epoch in curve] == list(range(1, 61))
    driver = Driver(root)
    properties = driver.index.latest("Trainer").outputs["model"].properties
    driver.close()
    assert properties["resumed_from"] >= 2
    assert properties["own"] == 1
    metrics = json.loads((artifact(root, "Evaluator", "evaluation") / "metrics.json").read_text())
    assert 0.5 < metrics["own"]["one_of_two"] <= 1
    assert len(predicted(found["bundle"], table)["rows"]) == ROWS
    without = code_closure(("trainer.components.table_trainer",)).files
    manifest = json.loads((Path(found["bundle"]) / "manifest.json").read_text())
    assert manifest["sources"]["code"] != Parts("", {}, {}, {}, without, {}).code_digest


def test_a_remark_in_the_user_s_file_is_a_further_version_of_the_same_model(tmp_path):
    table, file, recipe = write_table(tmp_path / "readings.csv", ROWS), tmp_path / "mine.py", tmp_path / "own.yaml"
    shipped = (REPOSITORY / "trainer" / "recipes" / "turned-part.yaml").read_text()
    recipe.write_text(shipped.replace("pipeline:\n", "pipeline:\n  module: mine.py\n"))
    file.write_text("def metrics(answers):\n    return {'rows': len(answers['labels'])}\n")
    first = result(run(table, tmp_path / "root", recipe=str(recipe)))
    file.write_text(f"# counts the rows\n{file.read_text()}")
    second = result(run(table, tmp_path / "root", recipe=str(recipe)))
    assert statuses(second)["Trainer"] == statuses(second)["Pusher"] == "done"
    assert [Path(found["bundle"]).name for found in (first, second)] == ["v1", "v2"]
    assert set(statuses(result(run(table, tmp_path / "root", recipe=str(recipe)))).values()) == {"cached"}
