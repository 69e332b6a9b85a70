"""What a running station's hot process has open on the network: the camera and the PLC, and nothing else."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from edge_agent.home import Home
from tests.conftest import wait_for
from tests.integration.test_station_processes import SLOW_S, children, hot_status, running
from tests.simulators.line import GOOD, SCRATCHED, altered_bundle, install, picture
from tests.simulators.mes import SECRET, Mes
from tests.simulators.mosquitto import free_port
from tests.simulators.plc import Conveyor, Plc, PlcProgram
from tests.simulators.rtsp_camera import RtspCamera

LISTEN = "0A"
LOOK_S = 3.0


class Open(NamedTuple):
    """A socket of a process: which table of /proc/net it is in ("" for none), its peer, and whether it listens."""

    table: str
    peer: tuple[str, int]
    listens: bool


def open_sockets(pid: int) -> set[Open]:
    """Return all sockets among the descriptors of a process."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    known = dict(_tables(pid))
    return {known.get(inode, Open("", ("", 0), False)) for inode in inodes}


def _tables(pid: int) -> Iterator[tuple[str, Open]]:
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, port = fields[2].split(":")
            words = [struct.pack("=I", int(address[n : n + 8], 16)) for n in range(0, len(address), 8)]
            family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
            peer = socket.inet_ntop(family, b"".join(words)), int(port, 16)
            yield fields[9], Open(table, peer, table.startswith("tcp") and fields[3] == LISTEN)
    for table, place in (("unix", 6), ("netlink", 9), ("packet", 8)):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            yield line.split()[place], Open(table, ("", 0), False)


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    camera = RtspCamera(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    yield camera
    camera.unplug()


@pytest.fixture
def plc() -> Iterator[Plc]:
    server = Plc(PlcProgram(Conveyor(period_s=0.1, deadline_s=SLOW_S))).start()
    yield server
    server.stop()


@pytest.fixture
def mes() -> Iterator[Mes]:
    server = Mes().start()
    yield server
    server.stop()


def make_home(folder: Path, camera: RtspCamera, plc: Plc, mes: Mes) -> Home:
    home = Home(folder / "home")
    install(home, altered_bundle(folder / "bundle", recipe__views__count=1, recipe__deadline_ms=4000))
    key = home.root / "mes.key"
    key.touch(0o600)
    key.write_text(SECRET)
    settings = {
        "source": camera.url,
        "trigger": {"kind": "plc"},
        "plc": {"host": "127.0.0.1", "port": plc.port},
        "outputs": [{"kind": "webhook", "url": mes.url, "secret": "mes.key"}, {"kind": "gate"}],
        "ui": {"port": 0},
    }
    home.config.write_text(yaml.safe_dump(settings))
    return home


@pytest.mark.slow
def test_the_hot_process_speaks_with_camera_and_plc_alone(
    tmp_path: Path, camera: RtspCamera, plc: Plc, mes: Mes
) -> None:
    home, seen = make_home(tmp_path, camera, plc, mes), set[Open]()
    with running(home):
        wait_for(lambda: plc.program.triggered > 3 and len(mes.posts) > 3, SLOW_S, "parts, told by network too")
        pids = children(home)
        until = time.monotonic() + LOOK_S
        while time.monotonic() < until:
            seen |= open_sockets(pids["hot"])
        camera.unplug()
        wait_for(lambda: not hot_status(home).get("ready"), SLOW_S, "the camera to be missed")
        seen |= open_sockets(pids["hot"])
        camera.plug_in()
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the camera again")
        seen |= open_sockets(pids["hot"])
        others = open_sockets(pids["uplink"]) | open_sockets(pids["ui"])
    allowed = {("127.0.0.1", camera.port), ("127.0.0.1", plc.port)}
    assert {found.peer for found in seen if found.table == "tcp"} == allowed
    assert [found for found in seen if found.table != "tcp" or found.listens] == []
    assert ("127.0.0.1", mes.port) in {found.peer for found in others}, "it can be seen who has a socket"
    assert any(found.listens for found in others)
