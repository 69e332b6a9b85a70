"""The hot process hangs while the station runs under systemd's watchdog: a real socket, a real SIGSTOP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from edge_agent.home import Home, read_json
from edge_agent.service.notify import FRESH_S
from tests.conftest import wait_for
from tests.simulators.line import PARTS, TINY, environment, install

SLOW_S = 60


def drain(listener: socket.socket, into: list[str]) -> None:
    while True:
        try:
            into.append(listener.recv(4096).decode())
        except BlockingIOError:
            return


@pytest.mark.slow
@pytest.mark.fault("A18")
def test_a_hanging_hot_process_feeds_no_watchdog_and_is_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    install(home, TINY)
    settings = {"source": f"folder://{PARTS}?loop=1&fps=20", "ui": {"port": 0}}
    home.config.write_text(yaml.safe_dump(settings))
    said: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def pings() -> int:
            drain(listener, said)
            return said.count("WATCHDOG=1")

        def hot() -> int:
            return int(read_json(home.station).get("children", {}).get("hot") or 0)

        around = environment() | {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        command = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home.root), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=around)
        try:
            wait_for(lambda: pings() >= 3, SLOW_S, "signs of life")
            assert said.count("READY=1") == 1
            first = hot()
            os.kill(first, signal.SIGSTOP)
            time.sleep(FRESH_S + 1.0)
            before = pings()
            time.sleep(2.0)
            assert pings() == before, "a station whose line hangs is not alive"
            wait_for(lambda: hot() not in (0, first), SLOW_S, "another hot process")
            wait_for(lambda: pings() >= before + 2, SLOW_S, "signs of life again")
            assert any(line.startswith("STATUS=ready") for line in said)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SLOW_S)
            drain(listener, said)
            assert said[-1] == "STOPPING=1"
            assert said.count("READY=1") == 1
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
