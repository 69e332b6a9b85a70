"""Many light stations in one process: real journals, uplinks and updates, one thread that judges for all of them.

Stations that run the same bundle share one loaded model and one self-test; each has its own folder, made by
`edge-agent enrol`. Nobody stands at a light station, so parts held for a person are rejected at their deadline.
"""

from __future__ import annotations

import os
import random
import re
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar
from uuid import uuid4

import cv2

from edge_agent.agent import Hot
from edge_agent.agent import Surroundings as HotSurroundings
from edge_agent.channel import LocalChannel, Message
from edge_agent.config import StationConfig, TriggerConfig, load_config
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home
from edge_agent.inference.champion import Model, load_model
from edge_agent.install.selftest import SelfTestResult, run_selftest
from edge_agent.processes import lock_station
from edge_agent.uplink.service import Surroundings, Uplink

T = TypeVar("T")

_KEEP_EVERY_S = 0.5
_LOOK_EVERY_S = 0.2
_POLL_S = 1.0
_FILES_EACH, _FILES_MORE = 28, 128
"""Open files of one station (six connections to its journal, lock, sockets) and of the process."""

_SOCKETS_EACH = 4
STATIONS_MAX = 200
_SPREAD = 0.2
_CLOSERS = 16


class Once(Generic[T]):
    """Answers by bundle and device class, worked out once for all stations. Thread-safe."""

    def __init__(self, work: Callable[[BundleFolder, str], T]) -> None:
        self._work = work
        self._answers: dict[tuple[str, str], T] = {}
        self._lock = threading.Lock()

    def __call__(self, folder: BundleFolder, device_class: str) -> T:
        """Return the answer; what the work raises is raised and not remembered."""
        key = (folder.folder.name, device_class)
        with self._lock:
            if key not in self._answers:
                self._answers[key] = self._work(folder, device_class)
            return self._answers[key]


class LightHot(Hot):
    """The hot loop without a thread to keep deadlines, and with models that all stations share."""

    def __init__(self, home: Home, channel: LocalChannel, config: StationConfig, models: Once[Model]) -> None:
        self.boot = uuid4()
        super().__init__(home, self.boot, channel, config, HotSurroundings(load=models))

    def start(self) -> None:
        """Settle what a killed process left, load the installed model, open the source."""
        now_ms = self.clock.wall_ms()
        self.journal.begin(now_ms)
        self.journal.recover(now_ms)
        self._models.load_installed(self._pointer.read())
        self._ring.start()
        self.camera.start()
        self.channel.send({"to": "uplink", "kind": "started"})

    def keep(self) -> None:
        """Do what the keeper's thread does on a full station."""
        self._keeper.step()


class Station:
    """One light station: the hot loop stepped by the common thread, and its uplink."""

    def __init__(
        self, root: Path, source: str, models: Once[Model], selftest: Once[SelfTestResult], siblings: tuple[Path, ...]
    ) -> None:
        home = Home(root)
        changes = {"source": source, "trigger": TriggerConfig(kind="http")}
        config = load_config(home.config).model_copy(update=changes)
        self.channel = LocalChannel(self._route)
        self.hot = LightHot(home, self.channel, config, models)
        around = Surroundings(selftest=selftest, siblings=siblings, poll_s=_POLL_S)
        self.uplink = Uplink(home, self.hot.boot, self.channel.deliver, config, around)
        self.due, self.keep_due, self.look_due = 0.0, 0.0, 0.0

    def _route(self, message: Message) -> None:
        if message.get("to") == "uplink":
            self.uplink.receive(message)

    def step(self, now: float, period_s: float) -> None:
        """Judge a part when one is due, and obey messages now and then."""
        part_due = self.due <= now and self.hot.interlock.ready
        if part_due:
            self.due = now + period_s * random.uniform(1 - _SPREAD, 1 + _SPREAD)
            self.channel.deliver({"kind": "trigger", "at": time.monotonic()})
        if part_due or self.look_due <= now:
            self.look_due = now + _LOOK_EVERY_S
            self.hot.step(0.0)
        if self.keep_due <= now:
            self.keep_due = now + _KEEP_EVERY_S
            self.hot.keep()

    def close(self) -> None:
        """End the station in good order."""
        self.channel.close()
        self.uplink.close()
        self.hot.close()


def own_source(source: str, index: int) -> str:
    """Return the source with another seed for each station, so that they do not all see the same parts at once.

    >>> own_source("synthetic:?seed=5&fps=2", 3)
    'synthetic:?seed=8&fps=2'
    """
    return re.sub(r"\b(seed|shuffle)=(\d+)", lambda found: f"{found[1]}={int(found[2]) + index}", source)


def station_folders(stations: Path) -> list[Path]:
    """Return the stations' folders below `stations`. Raises ConfigError where there are none."""
    found = sorted(path.parent for path in stations.glob("*/credentials.json"))
    if not found:
        raise ConfigError(f"{stations}: no stations; make some with 'edge-agent enrol FILE --home {stations}/NAME'")
    return found


def allow_files(stations: int) -> None:
    """Let this process open as many files as the stations' journals need. Raises ConfigError where it may not."""
    if stations > STATIONS_MAX:
        raise ConfigError(f"{stations} stations, at most {STATIONS_MAX} run in one process; put them into two folders")
    needed = _FILES_EACH * stations + _FILES_MORE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(f"{stations} stations need {needed} open files, {hard} are allowed; raise 'ulimit -Hn'")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextmanager
def low_files_kept(stations: int) -> Iterator[None]:
    """Keep low file numbers free for the links' sockets: `select` takes none above 1,023.

    What is opened inside gets higher ones.
    """
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(_SOCKETS_EACH * stations)]
    try:
        yield
    finally:
        for number in held:
            os.close(number)


def run(
    folders: Sequence[Path], source: str, rate: float, stopping: threading.Event, ready: Callable[[int], None]
) -> None:
    """Run the stations until `stopping` is set; `ready` is told their number once all have started.

    `rate` is in parts per second and station. Raises Unavailable where one of them already runs.
    """
    cv2.setNumThreads(1)
    allow_files(len(folders))
    models = Once(lambda folder, kind: load_model(folder, kind, 1, folder.folder.name))
    selftest = Once(run_selftest)
    locks = [lock_station(Home(folder)) for folder in folders]
    all_bundles = [folder / "bundles" for folder in folders]
    stations: list[Station] = []
    try:
        with low_files_kept(len(folders)):
            for index, folder in enumerate(folders):
                others = tuple(bundles for bundles in all_bundles if bundles.parent != folder)
                stations.append(Station(folder, own_source(source, index), models, selftest, others))
        _start(stations, 1.0 / rate)
        ready(len(stations))
        _serve(stations, 1.0 / rate, stopping)
    finally:
        with ThreadPoolExecutor(_CLOSERS) as pool:
            list(pool.map(Station.close, stations))
        for lock in locks:
            os.close(lock)


def _start(stations: Sequence[Station], period_s: float) -> None:
    now = time.monotonic()
    for station in stations:
        station.due = now + random.uniform(0.0, period_s)
        station.hot.start()
        station.uplink.start()


def _serve(stations: Sequence[Station], period_s: float, stopping: threading.Event) -> None:
    while not stopping.is_set():
        begun = time.monotonic()
        for station in stations:
            station.step(time.monotonic(), period_s)
        stopping.wait(max(0.005, 0.05 - (time.monotonic() - begun)))
