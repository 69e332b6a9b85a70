"""F1 and F4: a real server and broker, and real agents that take a release over and give it back.

Most stations are light ones, all in one process with real journals, links and updates; one is a whole `edge-agent run`.
Server and agents read the same clock, so a moment at the server can be subtracted from one in an agent's journal.
"""

from __future__ import annotations

import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.states import UpdateState
from fleet.devices.enrolment import NewDevice
from fleet.registry.publish import Publisher
from fleet.registry.remote import RemoteRegistry
from fleet.service import MOSQUITTO
from fleet.store.tables import Device, Event, RolloutDevice
from tests.benchmarks.figure import Figure
from tests.benchmarks.timing import BIN
from tests.simulators.fleet_server import Server, eventually, fleet_server
from tests.simulators.line import TINY, TINY_2

LIGHT, ROUNDS, RATE = 100, 5, 0.2
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin"
WHOLE = "station-whole"
SOURCE = "synthetic:?seed=1&fps={fps}&size=64&views=2"
LIMIT_S = 120.0
PROBATION = {"seconds": 0.5, "parts": 0}


def live_figures(folder: Path) -> Iterator[Figure]:
    """Measure offers to all and the way back from all, then the way back of the whole agent alone, several times."""
    broker = MOSQUITTO if shutil.which("mosquitto", path=_PLACES) else None
    with fleet_server(folder, broker=broker) as server, _agents(server, folder):
        _publish(server, TINY)
        offered = _rolled_out(server)[1]
        _publish(server, TINY_2)
        rollout, waits = _rolled_out(server)
        yield _offers([*offered, *waits], broker or "the embedded broker")
        crowd = list(_taken_back(server, rollout).values())
        back = []
        for _ in range(ROUNDS):
            _publish(server, TINY_2)
            rollout, _ = _rolled_out(server, where={"device": WHOLE})
            back.append(_taken_back(server, rollout)[WHOLE])
    note = f"one whole agent, median of {ROUNDS}, longest {max(back):.2f} s; Mender, RAUC: a reboot"
    yield Figure("F4", "abort to champion serving again", statistics.median(back), "s", 2.0, "lower", note)
    note = f"{LIGHT} light agents in one process, and a whole one, p99 {np.percentile(crowd, 99):.2f} s"
    yield Figure("F4.all", "the same for all at once, median", statistics.median(crowd), "s", None, "lower", note)


def _offers(waits: list[float], broker: str) -> Figure:
    note = f"{LIGHT + 1} connected agents, {len(waits)} offers, {broker}; Mender polls every 1,800 s"
    p99 = float(np.percentile(waits, 99))
    return Figure("F1", "desired state published to device offered, p99", p99, "s", 5.0, "lower", note)


@contextmanager
def _agents(server: Server, folder: Path) -> Iterator[None]:
    """Enrol and run the agents until the block ends."""
    for number in range(LIGHT):
        _enrol(server, folder / "light" / f"station-{number:03d}")
    _enrol(server, folder / WHOLE)
    light = ["light", "--stations", folder / "light", "--source", SOURCE.format(fps=0), "--rate", RATE]
    with ExitStack() as stack:
        for words in (light, ["run", "--home", folder / WHOLE]):
            call = [str(BIN / "edge-agent"), *map(str, words)]
            process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait, LIMIT_S)
            stack.callback(process.send_signal, signal.SIGTERM)
        _until(lambda: _online(server) == LIGHT + 1, "all agents connected")
        yield


def _enrol(server: Server, home: Path) -> None:
    """Write what `edge-agent enrol` writes."""
    home.mkdir(parents=True)
    new = NewDevice(device=home.name, site="here", line="l1")
    credentials = server.service.context.enrolment.enrol(new)
    (home / "credentials.json").write_text(credentials.model_dump_json())
    (home / "station.yaml").write_text(f'source: "{SOURCE.format(fps=10)}"\nui:\n  port: 0\n')


def _online(server: Server) -> int:
    with server.service.context.database.read() as session:
        return len(list(session.scalars(select(Device.id).where(Device.online))))


def _until(condition: Callable[[], bool], what: str) -> None:
    if not eventually(condition, LIMIT_S):
        raise TimeoutError(f"{what}: not within {LIMIT_S:.0f} s")


def _publish(server: Server, bundle: Path) -> None:
    keys = server.service.settings.home.keys
    Publisher(RemoteRegistry(server.client), [keys], lambda: datetime.now(timezone.utc)).publish(BundleFolder(bundle))


def _rolled_out(server: Server, **order: Any) -> tuple[str, list[float]]:
    """Roll the newest release out to the devices in scope; return it, and how long each device's offer took."""
    rollout = server.rollout(stages="100%", probation=PROBATION, **order)
    _until(lambda: server.show(rollout)["state"] == "done", "the rollout")
    rows = {row.device: row for row in _rows(server, rollout)}
    heard = _moments(server, {d: row.generation for d, row in rows.items()}, UpdateState.OFFERED)
    return rollout, [(heard[device] - (row.offered_ms or 0)) / 1e3 for device, row in rows.items()]


def _taken_back(server: Server, rollout: str) -> dict[str, float]:
    """Abort; return the seconds from there until each device had its champion committed again."""
    aborted_ms = time.time() * 1e3
    server.client.post(f"/api/v1/rollouts/{rollout}/abort", {})
    wanted = {row.device: row.revert_generation for row in _rows(server, rollout)}
    heard = _moments(server, wanted, UpdateState.COMMITTED)
    return {device: (at_ms - aborted_ms) / 1e3 for device, at_ms in heard.items()}


def _rows(server: Server, rollout: str) -> list[RolloutDevice]:
    with server.service.context.database.read() as session:
        return list(session.scalars(select(RolloutDevice).where(RolloutDevice.rollout == rollout)))


def _moments(server: Server, generations: dict[str, int], state: UpdateState) -> dict[str, int]:
    """Return when each device came into a state for a generation, by its own journal (ms), once all have told."""
    found: dict[str, int] = {}

    def all_told() -> bool:
        with server.service.context.database.read() as session:
            for event in session.scalars(select(Event).where(Event.kind == "transition")):
                told: dict[str, Any] = event.data
                if told["after"] == state.value and told["generation"] == generations.get(event.device):
                    found.setdefault(event.device, event.at_ms)
        return len(found) == len(generations)

    _until(all_told, f"{state.value} told by {len(generations)} devices")
    return found
