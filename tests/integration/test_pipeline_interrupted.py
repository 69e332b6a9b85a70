"""Ctrl-C in a run of the pipeline: it ends as a shell expects, says how to go on, and leaves no process."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulators.sensor_table import RECIPE, write_table
from trainer.pipeline.runs import Runs
from trainer.resume import to_resume

pytestmark = pytest.mark.slow


def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    table, root = write_table(tmp_path / "rows.csv", 50), tmp_path / "a root"
    command = [Path(sys.executable).with_name("trainer"), "pipeline", "run", "--recipe", RECIPE]
    process = subprocess.Popen([*command, "--data", table, "--root", root], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not Runs(root).names():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == f"trainer: interrupted; 'trainer pipeline resume --root '{root}'' goes on"
    assert Runs(root).latest().state == "failed"
    assert to_resume(root).run == Runs(root).latest().run
