"""Stations on disk and the agent processes that run them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from fleet.client import Client
from fleet.home import write_private_json
from fleet.simulate.plan import Planned, by_source

_AT_ONCE = 4
_STOP_S = 15.0


def agent_command() -> str:
    """Return the path of `edge-agent`: beside this Python, else on the PATH. Raises ConfigError."""
    beside = Path(sys.executable).with_name("edge-agent")
    found = str(beside) if beside.exists() else shutil.which("edge-agent")
    if found is None:
        raise ConfigError("edge-agent is not installed here; pip install 'lineside[agent]'")
    return found


def enrol(client: Client, planned: Sequence[Planned], folder: Path) -> dict[str, Path]:
    """Enrol the devices that have no station yet; return, per source, the folder of its stations.

    Station folders are kept from one simulation to the next: journals and models stay.
    """
    command = agent_command()
    groups: dict[str, Path] = {}
    jobs: list[tuple[Planned, Path]] = []
    for number, (source, members) in enumerate(sorted(by_source(planned).items()), 1):
        groups[source] = folder / f"group-{number}"
        jobs += [(one, groups[source] / one.device) for one in members]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for result in [pool.submit(_enrol, command, client, one, home) for one, home in jobs]:
            result.result()
    return groups


def _enrol(command: str, client: Client, one: Planned, home: Path) -> None:
    if (home / "credentials.json").exists():
        return
    wanted: dict[str, Any] = {
        "device": one.device,
        "site": one.site,
        "line": one.line,
        "device_class": one.device_class,
        "tags": {"simulated": "yes"},
        "renew": True,
    }
    file = home.parent / f".{one.device}.json"
    write_private_json(file, client.post("/api/v1/devices", wanted))
    try:
        call = [command, "enrol", str(file), "--home", str(home), "--source", one.source]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
    finally:
        file.unlink()
    if done.returncode:
        raise ConfigError(f"{one.device}: {done.stderr.strip() or 'edge-agent enrol failed'}")


class Running:
    """The agent processes of a simulation; leaving the block ends them all."""

    def __init__(self, groups: dict[str, Path], rate: float) -> None:
        self._calls = [
            [agent_command(), "light", "--stations", str(folder), "--source", source, "--rate", f"{rate:g}"]
            for source, folder in groups.items()
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
