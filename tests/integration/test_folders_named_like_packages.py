"""A working directory with folders named like the packages hides none of them from the processes that are started."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import edge_agent
from converter.bench import run_on_edge
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.program import python_program
from trainer.pipeline.executor import Executor
from trainer.pipeline.step import Step

BIN = Path(sys.executable).parent
TOP = Path(edge_agent.__file__).parents[1]
FIXTURES = TOP / "tests" / "fixtures"
PACKAGES = ("edge_agent", "converter", "fleet", "trainer")


@pytest.fixture
def folder(tmp_path):
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('this is a person\\'s folder')\n")
    return tmp_path


def run(folder, *words):
    call = [str(word) for word in words]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_python_itself_would_take_the_folder(folder):
    assert "person's folder" in run(folder, sys.executable, "-m", "fleet.cli", "--help").stderr
    done = run(folder, *python_program("fleet.cli", "--help"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage:")


def test_a_module_sees_its_own_arguments_and_its_own_name(folder):
    (folder / "shown.py").write_text("raise SystemExit('not this one either')\n")
    done = run(folder, *python_program("json.tool", "--help"))
    assert done.returncode == 0
    assert "tool" in done.stdout.splitlines()[0]
    assert "No module named shown" in run(folder, *python_program("shown")).stderr


def test_fleet_starts_its_broker_there(folder):
    assert run(folder, BIN / "fleet", "init", "fleet").returncode == 0
    words = [BIN / "fleet", "serve", "--home", "fleet", "--port", "0", "--mqtt-port", "0", "--json"]
    server = subprocess.Popen([str(word) for word in words], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(server.stdout.readline())["pid"] == server.pid
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        server.stdout.close()


def test_a_station_checks_tries_and_starts_there(folder):
    source = f"folder://{FIXTURES / 'parts'}?loop=1"
    bundle = FIXTURES / "bundles" / "tiny-v1"
    words = ["run", "--home", "station", "--bundle", bundle, "--source", source, "--seconds", "4", "--json"]
    done = run(folder, BIN / "edge-agent", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["counts"]["parts"] > 0


def test_the_trainer_and_the_converter_start_their_processes_there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    executor = Executor(folder / "worker.log")
    try:
        with pytest.raises(Unavailable, match=r"AttributeError: module 'trainer\.cli'"):
            executor.run(Step("Try", "trainer.cli:nothing", {}, {}), {}, {}, folder, lambda *_: None)
    finally:
        executor.stop()
    with pytest.raises(Rejected, match="RUNTIME"):
        run_on_edge(folder / "none.tflite", folder / "none.npy", folder / "out.npz", 1)


def test_no_package_starts_python_in_another_way():
    starts = re.compile(r"""["']-m["']""")
    files = [file for name in PACKAGES for file in (TOP / name).rglob("*.py")]
    assert [str(file) for file in files if starts.search(file.read_text(encoding="utf-8"))] == []
