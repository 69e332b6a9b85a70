"""A dashboard on a free port: the real application over a real database that made-up production has filled."""

from __future__ import annotations

import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

import uvicorn

from edge_agent.contracts.encoding import digest_bytes
from fleet.context import Context
from fleet.devices.enrolment import Addresses, Enrolment, NewDevice
from fleet.home import Home
from fleet.monitoring.status import watch_of
from fleet.people.images import Pictures, note
from fleet.registry.catalogue import Catalogue
from fleet.registry.repository import Repository
from fleet.rollout.commander import Commander
from fleet.store.alerts import raise_alert
from fleet.store.database import Database
from fleet.store.tables import Counter, Device, Event, Rollout, RolloutDevice
from fleet.web.app import create_app
from fleet.web.auth import add_token
from tests.simulators.production import HOUR_MS, Production, baseline

ROLES = ("viewer", "operator", "admin")
_SPACE = UUID("5b7a4f1c-0f7e-4c7c-9a3c-0d9f6c0e5a22")


@dataclass
class Dashboard:
    """A running server: its address, its production, and a token per role (`<role>-token`)."""

    url: str
    context: Context
    production: Production
    devices: dict[str, str]
    passwords: dict[str, str]

    def watch(self) -> None:
        """Let monitoring take in all windows."""
        watch = watch_of(self.context)
        while watch.step():
            pass


@contextmanager
def dashboard(folder: Path, count: int = 20) -> Iterator[Dashboard]:
    """Serve a fleet of `count` devices at three sites, a tenth of them renewed so that their password is known."""
    home = Home(folder)
    sites = ("north", "south", "west")
    devices = {f"station-{i + 1:02d}": sites[i % 3] for i in range(count)}
    production = Production.begin(folder, devices, baseline())
    context = _context(home, production.database)
    with production.database.begin() as session:
        for role in ROLES:
            add_token(session, f"{role}-token", {"viewer": "vera", "operator": "otto", "admin": "ada"}[role], role, 0)
    server = uvicorn.Server(uvicorn.Config(create_app(context), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Dashboard(f"http://127.0.0.1:{port}", context, production, devices, {})
    finally:
        server.should_exit = True
        thread.join()
        production.database.close()


def _context(home: Home, database: Database) -> Context:
    def now_ms() -> int:
        return time.time_ns() // 1_000_000

    repository = Repository(home.registry, home.keys)
    catalogue = Catalogue(database, repository, now_ms)
    addresses = Addresses(broker="mqtt://127.0.0.1:1", http="http://127.0.0.1:1")
    enrolment = Enrolment(database, addresses, lambda: b"{}", lambda accounts: None, now_ms)
    commander = Commander(database, catalogue, lambda topic, payload: None, now_ms)
    return Context(home, database, repository, catalogue, enrolment, commander, now_ms)


def password(board: Dashboard, device: str) -> str:
    """Enrol the device anew and return its password."""
    wanted = NewDevice(device=device, site=board.devices[device], line="l1", renew=True)
    return board.context.enrolment.enrol(wanted).broker.password


def liven(board: Dashboard) -> None:
    """Give every device a state, counters, health and some events, and start a rollout that is half done."""
    now, bundle = board.context.now_ms(), board.production.bundle
    with board.production.database.begin() as session:
        session.add(_rollout(bundle, now))
        for index, name in enumerate(board.devices):
            _device(session.get_one(Device, name), index, bundle, now)
            status = "committed" if index < 5 else "installing" if index < 7 else "pending"
            row = RolloutDevice(
                rollout="r1", device=name, stage=0 if index < 1 else 1 if index < 5 else 2, status=status
            )
            session.add(row)
            counts = {"parts": 412, "final.accept": 371 - index, "final.reject": 38 + index, "reviewed": 9}
            session.add_all(Counter(device=name, bundle=bundle, name=key, value=value) for key, value in counts.items())
            session.add(_transition(name, index, now))


def _rollout(bundle: str, now: int) -> Rollout:
    gate = {"name": "install", "verdict": "hold", "reason": "2 of 7 devices are not settled yet", "value": 0.0, "n": 7}
    return Rollout(
        id="r1",
        name="tiles",
        release=1,
        version="v1",
        bundle=bundle,
        state="running",
        stage=2,
        stages={"names": ["5%", "25%", "100%"], "sizes": [1, 5, 20]},
        settings={"soak_ms": 60000, "deadline_ms": 600000, "strategy": "canary"},
        scope={},
        can_prove={"text": "1 of 20 devices without a failure proves, with 95% confidence, that fewer than 95% fail"},
        gates={"install": {**gate, "limit": 0.05}},
        created_ms=now - 120_000,
        stage_ms=now - 20_000,
    )


def _device(row: Device, index: int, bundle: str, now: int) -> None:
    row.state = "COMMITTED" if index < 5 else "DOWNLOADING" if index < 7 else "ROLLED_BACK" if index == 19 else "IDLE"
    row.line, row.online, row.last_seen_ms = f"line-{index % 2 + 1}", index != 18, now
    row.running, row.running_release = (bundle, 1) if index < 5 else (None, 0)
    row.health = {
        "counters": {"parts": 414, "final.accept": 371, "final.reject": 41},
        "gauges": {"latency_p50_ms": 4.2},
    }


def _transition(name: str, index: int, now: int) -> Event:
    data = {"kind": "transition", "before": "PROBATION", "after": "COMMITTED", "reason": ""}
    if index == 19:
        data |= {"after": "ROLLED_BACK", "reason": "3 model errors <script>alert(1)</script>"}
    boot = str(uuid5(_SPACE, name))
    return Event(device=name, boot=boot, seq=1, kind="transition", at_ms=now, received_ms=now - index * 7000, data=data)


def darken(board: Dashboard, site: str = "north", hours: int = 8) -> None:
    """Let windows of the last hours arrive, the later half of them from a weak lamp at one site."""
    now = board.context.now_ms()
    for hour in range(hours):
        for name, place in board.devices.items():
            dark = place == site and 2 * hour >= hours
            at = now - (hours - hour - 1) * HOUR_MS // 2
            board.production.send(name, at, factor=0.7 if dark else 1.0, received_ms=at)
    board.watch()


def alarm(board: Dashboard) -> None:
    """Raise two alerts of devices, and one of a topic that is as long and as rude as a stranger likes."""
    now = board.context.now_ms()
    with board.production.database.begin() as session:
        for _ in range(3):
            raise_alert(session, "quarantine", "station-04", "EventBatch: <b>boot</b>: Field required", now - 9_000)
        raise_alert(session, "no-way-back", "station-05", "no signed way back to tiles v0", now - 5_000)
        raise_alert(session, "quarantine", f"lineside/v1/{'x' * 180}", "'<script>alert(1)</script>' is no topic", now)


def review(board: Dashboard, device: str, parts: int) -> None:
    """Let people review parts of a device, with pictures."""
    now = board.context.now_ms()
    pictures = Pictures(board.context.home.images, reserve=0)
    with board.production.database.begin() as session:
        for part in range(1, parts + 1):
            body = grey_png(40 + 7 * part % 120)
            sha = digest_bytes(body)
            note(session, sha, device, pictures.keep(sha, body), len(body), now)
            good = part % 3
            data = {
                "kind": "reviewed",
                "part": part,
                "part_boot": str(uuid5(_SPACE, device)),
                "operator": "ann",
                "verdict": "accept" if good else "reject",
                "label": "good" if good else "scratch",
                "machine": "review",
                "image": sha,
            }
            boot = str(uuid5(_SPACE, device))
            session.add(
                Event(device=device, boot=boot, seq=100 + part, kind="reviewed", at_ms=now, received_ms=now, data=data)
            )


def grey_png(level: int, size: int = 48) -> bytes:
    """Return a grey PNG with a bright stripe, made by hand."""
    rows = b"".join(
        b"\0" + bytes(min(255, level + (90 if abs(x - y) < 3 else (x * y) % 9)) for x in range(size))
        for y in range(size)
    )
    head = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body
