"""A3 to A6: the station as `edge-agent run` starts it, killed; its memory; kills at random; a camera that goes away."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from edge_agent.capture.sources import make_source
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.home import Home, read_json
from edge_agent.processes import STABLE_AFTER_S
from edge_agent.status import station_status
from fleet.devices.enrolment import NewDevice
from tests.benchmarks.figure import Figure
from tests.benchmarks.model import busy_bundle
from tests.benchmarks.timing import memory_mb
from tests.simulators.fleet_server import Server, fleet_server
from tests.simulators.killed import KilledStation, ledger, nursery
from tests.simulators.line import GOOD, PARTS, SCRATCHED, LineRig, environment, install, picture
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.rtsp_camera import RtspCamera

LIMIT_S = 60.0
RESTARTS = 5
KILLS = 30
UNPLUGGED = 7
PERIOD_S = 0.04
_WARM_PARTS = 60
_POLL_S = 0.002


def station_figures() -> Iterator[Figure]:
    """Measure the whole station."""
    with tempfile.TemporaryDirectory(prefix="bench-station-") as folder:
        yield from _process(Path(folder))
        yield from _kills(Path(folder) / "kills")
        yield from _camera(Path(folder) / "camera")


def wait(condition: Callable[[], bool], what: str) -> float:
    """Return the seconds until `condition` holds. Raises TimeoutError."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > LIMIT_S:
            raise TimeoutError(f"{what} did not happen within {LIMIT_S:.0f} s")
        time.sleep(_POLL_S)
    return time.monotonic() - started


def _process(folder: Path) -> Iterator[Figure]:
    with fleet_server(folder / "fleet") as server:
        yield from _enrolled(folder, server)


def _enrolled(folder: Path, server: Server) -> Iterator[Figure]:
    home = Home(folder / "home")
    home.root.mkdir()
    install(home, busy_bundle(folder))
    new = NewDevice(device="bench", site="here", line="l1")
    home.credentials.write_text(server.service.context.enrolment.enrol(new).model_dump_json())
    settings = {"source": f"folder://{PARTS}?loop=1&fps=20", "ui": {"port": 0}, "outputs": [{"kind": "gate"}]}
    home.config.write_text(yaml.safe_dump(settings))
    with _running(home):
        wait(lambda: _counted(home) >= _WARM_PARTS, "the first parts")
        pids = {name: pid for name, pid in _children(home).items() if pid}
        each = {name: memory_mb(pid) for name, pid in pids.items()}
        whole = sum(each.values()) + memory_mb(read_json(home.station)["pid"])
        down = [_restart(home) for _ in range(RESTARTS)]
    note = f"median of {RESTARTS}, longest {max(down):.2f} s; Frigate 20 to 50 s for a stuck detector"
    yield Figure("A3", "SIGKILL of the hot process to ready", statistics.median(down), "s", 2.0, "lower", note)
    split = ", ".join(f"{name} {size:.0f}" for name, size in each.items())
    yield Figure("A4", "memory of the hot process", each["hot"], "MB", 100, "lower", "bare runtime 52 to 57 MB; PSS")
    yield Figure(
        "A4", "memory of all three and the supervisor", whole, "MB", 180, "lower", f"{split}; AWS DDA needs 4 GB"
    )


def _restart(home: Home) -> float:
    """Kill the hot process out of the blue; return the seconds until another one is ready."""
    time.sleep(STABLE_AFTER_S + 0.5)  # a process that dies sooner is started again with a growing delay
    first = _children(home)["hot"]
    os.kill(first, signal.SIGKILL)
    return wait(lambda: _children(home).get("hot") not in (None, first) and _ready(home), "ready again")


@contextmanager
def _running(home: Home) -> Iterator[None]:
    call = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home.root)]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        wait(lambda: _ready(home), "the start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)


def _note(home: Home) -> dict[str, Any]:
    try:
        return read_json(home.station)
    except (json.JSONDecodeError, FileNotFoundError):
        return {}


def _children(home: Home) -> dict[str, Any]:
    return dict(_note(home).get("children", {}))


def _ready(home: Home) -> bool:
    return bool(_note(home).get("status", {}).get("hot", {}).get("ready"))


def _counted(home: Home) -> int:
    return int(station_status(home)["counts"].get("parts", 0))


def _kills(folder: Path) -> Iterator[Figure]:
    folder.mkdir()
    station = KilledStation(folder, nursery())
    station.kill_at_random(KILLS, random.Random(20))
    found = ledger(station)
    note = f"{KILLS} kills, {found.parts} parts; output before journal loses 16 in 40 kills"
    yield Figure("A5", "parts lost over random SIGKILLs", found.lost, "parts", 0, "lower", note)
    yield Figure("A5", "parts counted twice over random SIGKILLs", found.twice, "parts", 0, "lower", note)


def _camera(folder: Path) -> Iterator[Figure]:
    """Network cameras of 25 pictures a second, unplugged and plugged in again, before the real hot loop."""
    pictures = [picture(GOOD), picture(SCRATCHED)]
    for way, camera in (("HTTP", NetworkCamera(free_port(), pictures)), ("RTSP", RtspCamera(free_port(), pictures))):
        yield from _unplugged(folder / way, way, camera)


def _unplugged(folder: Path, way: str, camera: NetworkCamera | RtspCamera) -> Iterator[Figure]:
    camera.plug_in()
    config, lost, back = StationConfig(trigger=TriggerConfig(kind="http")), [], []
    with LineRig(folder, config=config, camera=make_source(camera.url)) as rig:
        _says(rig, ready=True)
        for _ in range(UNPLUGGED):
            lost.append(_until_said(camera.unplug, rig, ready=False))
            back.append(_until_said(camera.plug_in, rig, ready=True))
    camera.unplug()
    milliseconds, limit = statistics.median(lost) * 1e3, PERIOD_S * 1e3 + 200
    note = f"median of {UNPLUGGED}, longest {max(lost) * 1e3:.0f} ms, 25 pictures/s; Frigate 20 s"
    yield Figure("A6", f"camera by {way} cut off until the fault is said", milliseconds, "ms", limit, "lower", note)
    note = f"median of {UNPLUGGED}, longest {max(back):.2f} s; Frigate 10 s"
    yield Figure("A6", f"camera by {way} back until running", statistics.median(back), "s", 1.0, "lower", note)


def _until_said(change: Callable[[], None], rig: LineRig, ready: bool) -> float:
    """Return the seconds from just before `change` until the hot loop has said what came of it."""
    started = time.perf_counter()
    change()
    _says(rig, ready)
    return time.perf_counter() - started


def _says(rig: LineRig, ready: bool) -> None:
    """Run the hot loop until it tells the supervisor so."""

    def told() -> bool:
        rig.hot.step(_POLL_S)
        said = rig.said("status")
        return bool(said) and said[-1]["ready"] is ready

    wait(told, "running" if ready else "the fault")
