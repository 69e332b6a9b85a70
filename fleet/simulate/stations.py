"""Stations on disk and the agent processes that run them.

The fleet hands out credentials; the agents' own command makes stations of them before it runs them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from edge_agent.contracts.errors import ConfigError, Unavailable
from fleet.client import Client
from fleet.home import write_private_json
from fleet.simulate.plan import Planned, by_process

_STOP_S = 15.0


def agent_command() -> str:
    """Return the path of `edge-agent`: beside this Python, else on the PATH. Raises ConfigError."""
    beside = Path(sys.executable).with_name("edge-agent")
    found = str(beside) if beside.exists() else shutil.which("edge-agent")
    if found is None:
        raise ConfigError("edge-agent is not installed here; pip install 'lineside[agent]'")
    return found


def enrol(client: Client, planned: Sequence[Planned], folder: Path) -> list[tuple[str, Path]]:
    """Enrol the devices that have no station yet; return, per process to start, source and folder of its stations.

    Station folders are kept from one simulation to the next: journals and models stay.
    """
    groups: list[tuple[str, Path]] = []
    for number, (source, members) in enumerate(by_process(planned), 1):
        stations = folder / f"group-{number}"
        groups.append((source, stations))
        shutil.rmtree(_newcomers(stations), ignore_errors=True)
        for path in (stations, _newcomers(stations)):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        strangers = [one for one in members if not (stations / one.device / "credentials.json").exists()]
        if strangers:
            _enrol(client, strangers, _newcomers(stations))
    return groups


def _newcomers(stations: Path) -> Path:
    """Return the folder of credentials that no station has yet."""
    return stations.with_name(f"{stations.name}.new")


def _places(stations: Path) -> list[str]:
    return ["--stations", str(stations), "--enrol", str(_newcomers(stations))]


def _enrol(client: Client, devices: Sequence[Planned], folder: Path) -> None:
    wanted = [
        {
            "device": one.device,
            "site": one.site,
            "line": one.line,
            "device_class": one.device_class,
            "tags": {"simulated": "yes"},
            "renew": True,
        }
        for one in devices
    ]
    for credentials in client.post("/api/v1/devices/batch", {"devices": wanted})["credentials"]:
        write_private_json(folder / f"{credentials['device']}.json", credentials)


class Running:
    """The agent processes of a simulation; leaving the block ends them all."""

    def __init__(self, groups: Sequence[tuple[str, Path]], rate: float) -> None:
        self._calls = [
            [agent_command(), "light", "--source", source, "--rate", f"{rate:g}", *_places(folder)]
            for source, folder in groups
        ]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Running:
        """Start them, each in a process group of its own, so that Ctrl-C reaches them through us alone."""
        for call in self._calls:
            process = subprocess.Popen(call, stdin=subprocess.DEVNULL, start_new_session=True)
            self._processes.append(process)
            self._stack.callback(_end, process)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        self._stack.close()

    def wait(self, seconds: float) -> None:
        """Wait for that long. Raises Unavailable as soon as one of them has ended by itself."""
        for process in self._processes:
            try:
                code = process.wait(seconds / len(self._processes))
            except subprocess.TimeoutExpired:
                continue
            raise Unavailable(f"the simulated stations ended with exit code {code}; see their messages above")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End one for good; it has been asked already."""
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
