"""The ui process: operator page, JSON API and prediction API on one port."""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from fastapi import FastAPI

from edge_agent.channel import Channel
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig, UiConfig, load_config
from edge_agent.home import Home
from edge_agent.install.slots import Pointer
from edge_agent.journal.database import Database
from edge_agent.report.reading import shifts_of
from edge_agent.station.api import Api
from edge_agent.station.camera_page import CameraPage
from edge_agent.station.checks import Checks
from edge_agent.station.desk import Desk
from edge_agent.station.door import Door, load_api_token
from edge_agent.station.live import Live
from edge_agent.station.metrics import Probes
from edge_agent.station.models import Bundles
from edge_agent.station.openapi import Contract
from edge_agent.station.pages import Pages
from edge_agent.station.pinbook import PinBook
from edge_agent.station.places import Places
from edge_agent.station.port import address, guard, served
from edge_agent.station.port import listen as open_port
from edge_agent.station.prediction import Predictor
from edge_agent.station.recipe_page import RecipePage
from edge_agent.station.reports import Reports
from edge_agent.station.serving import Serving
from edge_agent.station.triggers import Triggers
from edge_agent.station.trust import Trust
from edge_agent.station.trust_pages import TrustPages
from edge_agent.station.trying import Trying
from edge_agent.station.view import View, station_place

log = logging.getLogger("lineside.station")
API_TOKEN = "api.token"


@dataclass(frozen=True)
class Station:
    """The wired parts of the ui process."""

    app: FastAPI
    view: View
    triggers: Triggers
    live: Live
    checks: Checks
    database: Database

    def close(self) -> None:
        """Let go of the journal."""
        self.checks.close()
        self.database.close()


def build(
    home: Home,
    config: StationConfig,
    boot: UUID,
    channel: Channel,
    clock: Clock = SYSTEM,
    draws: random.Random | None = None,
) -> Station:
    """Wire the station's pages; `draws` is the chance by which blind questions come.

    Raises ConfigError where a file of the folder cannot be used.
    """
    bundles = Bundles(home)
    database = Database(home.journal, strict=config.durability == "strict")
    desk = Desk(database, boot, bundles, clock)
    place = station_place(home)
    predictor = Predictor(bundles, place["class"], config.runtime, clock)
    checks = Checks(home, boot, config.checks, bundles, predictor, clock, draws or random.Random())
    view = View(home, desk, checks, bundles, clock, config.ui.labels)
    door = Door(PinBook(home.root / config.pins), load_api_token(home.root / API_TOKEN), str(boot), clock)
    triggers, live = Triggers(channel, clock), Live(view)
    app = FastAPI(title="Lineside station", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(Api(home, door, desk, checks, view, live, triggers, channel, config.ui.undo_s).router())
    app.include_router(Serving(door, bundles, predictor, view.automation).router())
    app.include_router(Probes(door, view, predictor).router())
    app.include_router(Pages(place["device"], config.ui.language).router())
    places = Places(door, view, config.ui, bool(config.recipes))
    app.include_router(Reports(home, door, view, bundles, shifts_of(config), clock, places).router())
    app.include_router(Trying(bundles, places).router())
    app.include_router(Contract(door, app).router())
    app.include_router(CameraPage(home, door, channel, clock, places).router())
    trust = Trust(database, boot, bundles, config, channel, clock, desk.lock)
    app.include_router(TrustPages(home, door, trust, places).router())
    pointer = Pointer(home.root, config.model_names)
    recipes = RecipePage(config.recipes, pointer, database, boot, channel, clock, desk.lock, door, places)
    app.include_router(recipes.router())
    guard(app, door)
    return Station(app, view, triggers, live, checks, database)


def main(home: Home, boot: UUID, channel: Channel) -> None:
    """Serve until the channel closes. Raises ConfigError: port in use, damaged settings."""
    config = load_config(home.config) if home.config.exists() else StationConfig()
    listener = listen(config.ui)
    station = build(home, config, boot, channel)
    with serving(station, listener) as thread:
        channel.send({"to": "supervisor", "kind": "status", "url": address(listener)})
        log.info("operator page at %s", address(listener))
        while not channel.closed and thread.is_alive():
            message = channel.receive(0.5)
            if message is not None:
                station.view.hear(message)
                station.triggers.hear(message)
    station.close()


@contextmanager
def serving(station: Station, listener: socket.socket) -> Iterator[threading.Thread]:
    """Serve in a thread of its own until the block ends; then streams end, too."""
    with served(station.app, listener) as thread:
        try:
            yield thread
        finally:
            station.live.close()


def listen(config: UiConfig) -> socket.socket:
    """Return a listening socket. Raises ConfigError where the port is taken or the address is not this machine's."""
    return open_port(config.host, config.port, "the operator page", "stop what runs there or set 'ui: port'")
