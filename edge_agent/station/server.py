"""The ui process: operator page, JSON API and prediction API on one port."""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from edge_agent.channel import Channel
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig, UiConfig, load_config
from edge_agent.contracts.errors import ConfigError, LinesideError
from edge_agent.home import Home
from edge_agent.install.slots import Pointer
from edge_agent.journal.database import Database
from edge_agent.report.reading import shifts_of
from edge_agent.station.api import Api
from edge_agent.station.camera_page import CameraPage
from edge_agent.station.checks import Checks
from edge_agent.station.desk import Desk
from edge_agent.station.door import Door, load_api_token
from edge_agent.station.errors import Refused, refusal
from edge_agent.station.live import Live
from edge_agent.station.metrics import Probes
from edge_agent.station.models import Bundles
from edge_agent.station.openapi import OPEN, Contract
from edge_agent.station.pages import Pages
from edge_agent.station.pinbook import PinBook
from edge_agent.station.places import Places
from edge_agent.station.prediction import Predictor
from edge_agent.station.recipe_page import RecipePage
from edge_agent.station.reports import Reports
from edge_agent.station.serving import Serving
from edge_agent.station.shield import Shield
from edge_agent.station.triggers import Triggers
from edge_agent.station.trust import Trust
from edge_agent.station.trust_pages import TrustPages
from edge_agent.station.trying import Trying
from edge_agent.station.view import View, station_place

log = logging.getLogger("lineside.station")
API_TOKEN = "api.token"
_STOP_S = 2.0


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
    app.add_middleware(Shield)
    app.add_exception_handler(LinesideError, _refuse)
    app.add_exception_handler(RequestValidationError, partial(_refuse_input, door))
    app.add_exception_handler(HTTPException, _refuse_path)
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
    """Serve in a thread of its own until the block ends; then streams end and open requests get two seconds."""
    settings = uvicorn.Config(
        station.app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        station.live.close()
        server.should_exit = True
        thread.join(_STOP_S)


def listen(config: UiConfig) -> socket.socket:
    """Return a listening socket. Raises ConfigError where the port is taken or the address is not this machine's."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        where = f"{config.host}:{config.port}"
        raise ConfigError(
            f"the operator page cannot listen on {where} ({error.strerror}); stop what runs there or set 'ui: port'"
        ) from error
    return listener


def address(listener: socket.socket) -> str:
    """Return the page's address as one types it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}/"


def _refuse(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LinesideError)
    refused = refusal(error)
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else None
    return JSONResponse(refused.body(), refused.status, headers=headers)


def _refuse_input(door: Door, request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a request, but not to strangers: they hear that they must log in."""
    assert isinstance(error, RequestValidationError)
    if request.url.path not in OPEN:
        try:
            door.visitor(request)
        except Refused as stranger:
            return _refuse(request, stranger)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse(Refused(422, "bad-input", f"{where}: {first['msg']}").body(), 422)


def _refuse_path(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    refused = Refused(error.status_code, "http", str(error.detail))
    return JSONResponse(refused.body(), error.status_code, headers=error.headers)
