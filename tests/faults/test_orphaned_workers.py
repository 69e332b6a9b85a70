"""A worker whose parent is killed ends with all that it started, even while it holds the interpreter's lock in C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for


def _lives(process):
    """Say whether a process runs; one that has ended and waits to be noticed does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


@pytest.mark.fault("T14")
def test_a_deaf_worker_dies_with_its_parent(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    program = f"from tests.simulators.deaf import parent; parent({str(tmp_path)!r})"
    parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    noted = tmp_path / "processes"
    wait_for(noted.exists, 60, "the step")
    processes = [int(word) for word in noted.read_text().split()]
    assert all(_lives(process) for process in processes)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not any(_lives(process) for process in processes), 30, "the end of all processes")
