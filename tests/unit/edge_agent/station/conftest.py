"""The station's application in this process, its journal, and a clock under the test's hand."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge_agent.channel import LocalChannel
from edge_agent.config import ChecksConfig, StationConfig, UiConfig
from edge_agent.home import Home
from edge_agent.station.pinbook import PinBook, Role
from edge_agent.station.port import address
from edge_agent.station.server import Station, build, listen, serving
from tests.simulators.clock import HandClock
from tests.simulators.station import HEALTHY, PIN, StationHome


@dataclass
class Desk:
    """What a test needs of a station."""

    station: StationHome
    clock: HandClock
    app: Station
    url: str
    clients: list[httpx.Client] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def browser(self, name: str = "") -> httpx.Client:
        """A browser of its own, logged in as `name`."""
        client = httpx.Client(base_url=self.url)
        self.clients.append(client)
        if name:
            answer = client.post("/api/login", json={"name": name, "pin": PIN})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    def program(self) -> httpx.Client:
        """A program with the station's token."""
        token = (self.station.home.root / "api.token").read_text().strip()
        client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"})
        self.clients.append(client)
        return client

    def hear(self, **changes: Any) -> None:
        """Say what the hot process says."""
        self.app.view.hear({**HEALTHY, **changes})


@pytest.fixture(scope="session")
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PINs of three people; hashing them takes a while on purpose, so once is enough."""
    book = PinBook(tmp_path_factory.mktemp("pins") / "pins.json")
    for name, role in (("Anna", Role.OPERATOR), ("Ben", Role.OPERATOR), ("Chiara", Role.SUPERVISOR)):
        book.add(name, PIN, role)
    return book.path


@pytest.fixture
def desk(tmp_path: Path, pins: Path) -> Iterator[Desk]:
    """A station with Anna, Ben (operators) and Chiara (supervisor)."""
    with opened(tmp_path, pins, StationConfig()) as desk:
        yield desk


@pytest.fixture
def asking(tmp_path: Path, pins: Path) -> Iterator[Desk]:
    """The same, asking for a second look at every part, and showing a known part after every answer if there is one."""
    config = StationConfig(checks=ChecksConfig(second_share=1.0, second_after_s=60, known_share=1.0))
    with opened(tmp_path, pins, config) as desk:
        desk.hear()
        yield desk


@contextmanager
def opened(tmp_path: Path, pins: Path, config: StationConfig) -> Iterator[Desk]:
    """Serve a station's pages with these settings."""
    clock = HandClock()
    station = StationHome(Home(tmp_path / "station"), clock=clock.clock)
    shutil.copy(pins, station.home.root / "pins.json")
    sent: list[dict[str, Any]] = []
    app = build(station.home, config, station.boot, LocalChannel(sent.append), clock.clock, random.Random(3))
    listener = listen(UiConfig(port=0))
    with serving(app, listener):
        desk = Desk(station, clock, app, address(listener), sent=sent)
        yield desk
        for client in desk.clients:
            client.close()
    app.close()
    station.journal.database.close()
