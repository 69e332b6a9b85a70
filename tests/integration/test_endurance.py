"""A station at work while one thing after the other fails: PLC, journal and fleet end with the same count.

`LINESIDE_PARTS=10000` makes the long run of it: at 20 parts a second that is a little more than eight minutes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.plc import Disposition
from edge_agent.home import Home
from edge_agent.install.slots import read_slots
from edge_agent.station.pinbook import PinBook, Role
from tests.conftest import wait_for
from tests.integration.test_plc_station import dispositions, journal_parts, verdicts
from tests.integration.test_station_processes import SLOW_S
from tests.simulators.line import TINY_2, altered_bundle, environment, install, nan_graph, picture
from tests.simulators.mosquitto import Mosquitto, free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.plc import Conveyor, Plc, PlcProgram
from tests.simulators.shifted import TurnedClock
from tests.simulators.stalled import slow_disk
from tests.simulators.troubles import ON_THE_BELT, PEOPLE, PIN, Troubles

PARTS = int(os.environ.get("LINESIDE_PARTS", "500"))
EVERY_S = 0.05 if PARTS >= 2000 else 0.1
DEADLINE_S = 1.0
FLEET_S = 120
LINE: dict[str, Any] = {
    "recipe__views__count": 1,
    "recipe__deadline_ms": 800,
    "recipe__review_deadline_ms": 500,
    "thresholds": (0.5, 0.95),
}
"""The line's parts: some are plainly good, some plainly bad, and a quarter waits for a person."""


def fleet(*words: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "fleet.cli", *(str(word) for word in words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def served(folder: Path, broker: Mosquitto) -> Iterator[Path]:
    """Found a fleet and serve it at that broker."""
    home = folder / "fleet-home"
    fleet("init", home)
    words = ("serve", "--home", str(home), "--port", str(free_port()), "--broker", broker.url)
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet.cli", *words], stdout=log, stderr=log, env=environment()
        )
    try:
        wait_for((home / "client.json").exists, SLOW_S, "the fleet's start")
        yield home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SLOW_S)


def station_home(folder: Path, fleet_home: Path, plc: Plc, camera: NetworkCamera) -> Home:
    home, letter = Home(folder / "station"), folder / "station.json"
    fleet("enrol", "st-1", "--site", "s", "--line", "l", "--class", "generic", "--out", letter, "--home", fleet_home)
    command = [sys.executable, "-m", "edge_agent.cli", "enrol", str(letter), "--home", str(home.root)]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    install(home, altered_bundle(folder / "bundle", **LINE))
    for name in PEOPLE:
        PinBook(home.root / "pins.json").add(name, PIN, Role.OPERATOR)
    settings = {
        "source": camera.url,
        "trigger": {"kind": "plc"},
        "plc": {"host": "127.0.0.1", "port": plc.port},
        "outputs": [{"kind": "gate"}],
        "ui": {"port": 0, "undo_s": 0},
    }
    home.config.write_text(yaml.safe_dump(settings))
    return home


def known(fleet_home: Path) -> int:
    """Return how many parts the fleet has counted."""
    return int(fleet("devices", "st-1", "--home", fleet_home)["counters"].get("parts", 0))


@contextmanager
def at_work(home: Home, clock: TurnedClock, disk: Path, stall: Path) -> Iterator[None]:
    """Run the station on a clock that can be set wrong and a disk that can stall."""
    command = [sys.executable, "-m", "tests.simulators.shifted", str(clock.path), "edge_agent.cli"]
    command += ["run", "--home", str(home.root)]
    around = {**environment(), "LD_PRELOAD": str(disk), "STALL_MARK": str(stall)}
    with (home.root / "run.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=around)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SLOW_S)


def published(fleet_home: Path, folder: Path, **changes: Any) -> str:
    """Publish a model of this line, and offer it to the station; return its id."""
    bundle = altered_bundle(folder, TINY_2, **LINE, **changes)
    fleet("publish", bundle, "--home", fleet_home)
    options = ("--canary", "100%", "--soak", "0s", "--probation", "1s", "--probation-parts", "5", "--gate-parts", "0")
    fleet("rollout", *options, "--home", fleet_home)
    return BundleFolder(bundle).id


def model_fails(trouble: Troubles, fleet_home: Path, folder: Path) -> None:
    """A24: a model whose answers are NaN comes, and the champion goes on."""
    champion = read_slots(trouble.home.root).active
    published(fleet_home, folder, model=nan_graph(), version="nan")
    wait_for(lambda: reported(fleet_home)["state"] in ("REJECTED", "FAILED"), SLOW_S, "the refusal of the model")
    assert read_slots(trouble.home.root).active == champion


def model_cut(trouble: Troubles, fleet_home: Path, folder: Path) -> None:
    """A24: a model comes while the connection dies again and again, and is in use at last."""
    new = published(fleet_home, folder, version="good")
    for _ in range(2):
        trouble.killed("uplink")
    wait_for(lambda: read_slots(trouble.home.root).last_good == new, SLOW_S, "the new model in use")


def reported(fleet_home: Path) -> dict[str, Any]:
    return dict(fleet("devices", "st-1", "--home", fleet_home))


def everything(trouble: Troubles, fleet_home: Path, folder: Path) -> list[Callable[[], None]]:
    """One of each."""
    return [
        partial(trouble.killed, "hot"),
        trouble.two_operators,
        partial(model_fails, trouble, fleet_home, folder / "nan"),
        trouble.burst,
        partial(model_cut, trouble, fleet_home, folder / "good"),
        trouble.disk_full,
        trouble.frozen,
        partial(trouble.killed, "uplink"),
        trouble.covered,
        trouble.bounced,
        trouble.torn,
        partial(trouble.killed, "ui"),
        trouble.unplugged,
        trouble.disk_stalled,
        partial(trouble.held, "hot"),
        trouble.absent,
        trouble.plc_cut,
        trouble.clock_jumps,
        partial(trouble.held, "uplink"),
        trouble.broker_killed,
        partial(trouble.killed, "hot"),
    ]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_whatever_fails_plc_journal_and_fleet_agree(tmp_path: Path) -> None:
    camera = NetworkCamera(free_port(), [picture(name) for name in ON_THE_BELT])
    camera.plug_in()
    plc = Plc(PlcProgram(Conveyor(EVERY_S, 0, DEADLINE_S))).start()
    (tmp_path / "broker").mkdir()
    clock, stall = TurnedClock(tmp_path / "clock"), tmp_path / "stalled"
    with Mosquitto(tmp_path / "broker") as broker, served(tmp_path, broker) as fleet_home:
        home = station_home(tmp_path, fleet_home, plc, camera)
        trouble = Troubles(home, plc, camera, broker, clock, stall)
        with at_work(home, clock, slow_disk(tmp_path), stall):
            wait_for(trouble.ready, SLOW_S, "ready")
            plc.program.conveyor = Conveyor(EVERY_S, PARTS, DEADLINE_S, held_while_not_ready=False)
            troubles = everything(trouble, fleet_home, tmp_path)
            for number, happens in enumerate(troubles, 1):
                due = PARTS * number // (len(troubles) + 2)
                wait_for(lambda due=due: plc.program.triggered >= due, PARTS, "the next fault's time")  # type: ignore[misc]
                happens()
            assert trouble.plc.wait(PARTS * EVERY_S + SLOW_S), plc.program.counts
            wait_for(lambda: len(journal_parts(home)) >= PARTS, SLOW_S, "the last part")
            wait_for(lambda: known(fleet_home) >= PARTS, FLEET_S, "the fleet to know all parts")
        assert known(fleet_home) == PARTS
        sys.stdout.write(f"{figures(fleet_home, home, trouble)}\n")
    trouble.plc.stop()
    camera.unplug()
    check(home, plc.program)


def figures(fleet_home: Path, home: Home, trouble: Troubles) -> str:
    """What came of it, in one line."""
    parts = journal_parts(home)
    reasons = ", ".join(f"{reason} {count}" for reason, count in Counter(part.reason for part in parts).most_common())
    outputs = Counter(part.output for part in parts)
    return (
        f"PLC {trouble.plc.program.triggered}, journal {len(parts)}, fleet {known(fleet_home)}; {reasons}; "
        f"{trouble.answers} answers; {outputs['unknown']} outputs unknown; "
        f"by the PLC {', '.join(f'{went.name} {count}' for went, count in trouble.plc.program.counts.items())}"
    )


def check(home: Home, program: PlcProgram) -> None:
    """Each part once, gated as judged, and each kind of failure under its own name."""
    parts = journal_parts(home)
    assert len(parts) == PARTS
    assert all(part.final for part in parts)
    counts, noted = program.counts, dispositions(home)
    assert sum(counts.values()) == sum(noted.values()) == PARTS
    accepted = {number for number, went in program.dispositions.items() if went is Disposition.ACCEPTED}
    assert {verdict for number, verdict in verdicts(home).items() if number in accepted} == {"accept"}
    assert len(accepted) > PARTS / 10
    seen = {part.reason for part in parts}
    named = {
        "model",
        "operator",
        "timeout",
        "no-image",
        "bad-image",
        "frozen-image",
        "overrun",
        "not-ready",
        "disk-full",
    }
    assert named <= seen, named - seen
