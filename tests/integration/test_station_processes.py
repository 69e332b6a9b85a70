"""`edge-agent run` as a person starts it: children die and come back, and none outlives its supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.home import Home, read_json
from edge_agent.status import station_status
from tests.conftest import wait_for
from tests.simulators.line import PARTS, TINY, environment, install

SLOW_S = 60
"""Far beyond what is promised (2 s): no test fails because the machine is busy."""


def make_home(folder: Path) -> Home:
    home = Home(folder)
    install(home, TINY)
    settings = {
        "source": f"folder://{PARTS}?loop=1&fps=20",
        "ui": {"port": 0},
        "outputs": [{"kind": "gate"}],
    }
    home.config.write_text(yaml.safe_dump(settings))
    return home


@contextmanager
def running(home: Home, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home.root), "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SLOW_S)


def children(home: Home) -> dict[str, int]:
    return {name: pid for name, pid in read_json(home.station).get("children", {}).items() if pid}


def hot_status(home: Home) -> dict[str, Any]:
    status: dict[str, Any] = read_json(home.station).get("status", {}).get("hot", {})
    return status


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.fault("A05")
def test_a_killed_child_comes_back_and_nothing_outlives_the_supervisor(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with running(home) as process:
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the first start")
        wait_for(lambda: station_status(home)["counts"].get("parts", 0) > 3, SLOW_S, "parts")
        first = children(home)["hot"]
        os.kill(first, signal.SIGKILL)
        killed = time.monotonic()
        wait_for(lambda: children(home).get("hot", first) != first, SLOW_S, "the restart")
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready again")
        sys.stderr.write(f"SIGKILL to ready: {time.monotonic() - killed:.2f} s\n")
        before = station_status(home)["counts"]["parts"]
        wait_for(lambda: station_status(home)["counts"]["parts"] > before, SLOW_S, "parts again")
        assert station_status(home)["state"] == "running"
        pids = [process.pid, *children(home).values()]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SLOW_S)
        assert process.returncode == 0, err
        result = json.loads(out.splitlines()[-1])
        assert {"bundle", "state", "mode", "counts", "ready"} <= set(result)
        assert result["mode"] == "partial"
        assert result["counts"]["parts"] >= before
        assert not any(alive(pid) for pid in pids)
        assert not home.station.exists()


@pytest.mark.slow
def test_children_of_a_killed_supervisor_leave(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with running(home) as process:
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the start")
        pids = list(children(home).values())
        process.kill()
        process.wait()
        wait_for(lambda: not any(alive(pid) for pid in pids), SLOW_S, "the children's leaving")
        assert station_status(home)["state"] == "stopped", "the note of a dead supervisor fools nobody"


@pytest.mark.slow
def test_a_station_runs_once(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with running(home) as process:
        wait_for(lambda: home.station.exists(), SLOW_S, "the start")
        with running(home) as second:
            _, err = second.communicate(timeout=SLOW_S)
            assert second.returncode == 4
            assert "already running" in err
            assert len(err.strip().splitlines()) == 1
        assert process.poll() is None


@pytest.mark.slow
@pytest.mark.fault("A18")
def test_a_hot_process_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with running(home):
        wait_for(lambda: station_status(home)["counts"].get("parts", 0) > 0, SLOW_S, "parts")
        first = children(home)["hot"]
        os.kill(first, signal.SIGSTOP)
        wait_for(lambda: children(home).get("hot", first) != first, SLOW_S, "the watchdog")
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready again")


@pytest.mark.slow
@pytest.mark.fault("A07")
def test_a_disk_that_takes_no_note_of_the_processes_stops_no_inspection(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    home.station.mkdir(parents=True)
    gate = home.root / "gate.jsonl"
    with running(home) as process:
        wait_for(lambda: gate.exists() and gate.read_text().count("\n") > 3, SLOW_S, "parts")
        home.station.rmdir()
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the note, as soon as it can be written")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SLOW_S)
        assert process.returncode == 0
        assert err.count("station.json: cannot be written") == 1
        assert "Traceback" not in err
    assert not list(home.run.glob("*.part"))


@pytest.mark.slow
@pytest.mark.fault("A06")
def test_a_station_with_a_damaged_journal_starts_anew_and_tells(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    with running(home):
        wait_for(lambda: station_status(home)["counts"].get("parts", 0) > 0, SLOW_S, "parts")
    data = bytearray(home.journal.read_bytes())
    data[1024:] = b"\xa5" * (len(data) - 1024)
    home.journal.write_bytes(data)
    with running(home):
        wait_for(lambda: station_status(home)["counts"].get("fault.journal-damaged", 0) == 1, SLOW_S, "the report")
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready")
    assert len(list(home.root.glob("journal-damaged-*.db"))) == 1
