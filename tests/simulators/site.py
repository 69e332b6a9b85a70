"""A site's network: fleet and broker on fixed ports that go away and come back, and an ear on the wire."""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from edge_agent.contracts.topics import Channel, fleet_filter, parse
from edge_agent.uplink.link import Link
from tests.simulators.fleet_server import Server, fleet_server
from tests.simulators.mosquitto import Mosquitto, free_port

_CONNECT_S = 60.0


class Wire:
    """Hears what the station sends: when, on which channel, how many bytes."""

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[float, Channel, int]] = []
        self._link = Link(url, "wire", on_message=self._take, start=False)
        self._link.subscribe([fleet_filter(channel) for channel in (Channel.EVENT, Channel.WINDOW)])
        self._link.start()
        assert self._link.wait_connected(_CONNECT_S)

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        self.heard.append((time.monotonic(), parse(topic)[1], len(payload)))

    def close(self) -> None:
        """Hear no more."""
        self._link.close()


class Site:
    """Fleet and broker on fixed ports, so that they can go away and come back; `asked` looks into the database."""

    def __init__(self, folder: Path) -> None:
        (folder / "broker").mkdir()
        self.folder = folder
        self.broker = Mosquitto(folder / "broker")
        self._ports = {"port": free_port(), "mqtt_port": free_port()}
        self._open = ExitStack()

    def come(self) -> Server:
        """Start both."""
        self.broker.start()
        settings = {**self._ports, "broker": self.broker.url}
        return self._open.enter_context(fleet_server(self.folder / "fleet", **settings))

    def go(self) -> None:
        """Stop both; the broker forgets everything."""
        self._open.close()
        self.broker.kill()

    def asked(self, question: str) -> list[tuple[Any, ...]]:
        """Ask the fleet's database."""
        with closing(sqlite3.connect(self.folder / "fleet" / "home" / "fleet.db", timeout=30)) as database:
            return database.execute(question).fetchall()
