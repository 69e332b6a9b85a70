"""The fleet server: everything wired together. Nothing is decided here."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import uvicorn

from edge_agent.contracts.errors import ConfigError, LinesideError
from edge_agent.contracts.topics import UP, fleet_filter
from edge_agent.uplink.link import Link
from fleet.broker import files
from fleet.broker.accounts import FLEET, Account
from fleet.broker.process import BrokerProcess, require_free, start_embedded, start_mosquitto
from fleet.context import Context
from fleet.devices.enrolment import Addresses, Enrolment
from fleet.founding import admin_token, broker_account
from fleet.home import Home, write_private_json
from fleet.ingest.commit import Outcome
from fleet.ingest.consume import Consumer
from fleet.monitoring.demands import Demands
from fleet.monitoring.status import keep_watching, settings_of, watch_of
from fleet.registry.catalogue import Catalogue
from fleet.registry.repository import Repository
from fleet.rollout.commander import Commander
from fleet.store.database import Database
from fleet.web.app import create_app

MOSQUITTO = "mosquitto"
_REFRESH_S = 60.0
_LINK_S = 3.0
_ANYWHERE = ("0.0.0.0", "::", "")
_log = logging.getLogger("lineside.service")


@dataclass(frozen=True)
class Settings:
    """How to serve. `broker`: None for the embedded one, 'mosquitto' to start one, or the URL of one that runs."""

    home: Home
    host: str = "127.0.0.1"
    port: int = 8780
    mqtt_port: int = 8783
    broker: str | None = None
    broker_files: Path | None = None
    broker_ca: Path | None = None
    db: str | None = None
    advertise: str | None = None

    @property
    def starts_broker(self) -> bool:
        """True where the broker is a child of the server."""
        return self.broker in (None, MOSQUITTO)

    @property
    def public_host(self) -> str:
        """The name under which devices reach this machine."""
        return self.advertise or (socket.gethostname() if self.host in _ANYWHERE else self.host)

    @property
    def local_host(self) -> str:
        """The address at which this machine reaches itself."""
        return "127.0.0.1" if self.host in _ANYWHERE else self.host


def now_ms() -> int:
    """Return the clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Service:
    """One running server. `start` returns when it is ready; `stop` leaves nothing behind."""

    def __init__(self, settings: Settings, clock: Callable[[], int] = now_ms) -> None:
        """Check the ports and open the database. Raises ConfigError, Unavailable."""
        self.settings, self._now_ms = settings, clock
        home = settings.home.require()
        port = require_free(settings.host, settings.port, "--port")
        self._mqtt_port = (
            require_free(settings.host, settings.mqtt_port, "--mqtt-port") if settings.starts_broker else 0
        )
        self._port = port
        self._database = Database(settings.db or home.database_url)
        self._database.migrate()
        self._token = admin_token(home, self._database, clock())
        self._stopping = threading.Event()
        self._closing = contextlib.ExitStack()

    @property
    def url(self) -> str:
        """Where clients on this machine find the server."""
        return f"http://{self.settings.local_host}:{self._port}"

    def _broker_url(self, host: str) -> str:
        if self.settings.broker is None or self.settings.broker == MOSQUITTO:
            return f"mqtt://{host}:{self._mqtt_port}"
        return self.settings.broker

    @property
    def broker_url(self) -> str:
        """Where devices find the broker."""
        return self._broker_url(self.settings.public_host)

    def start(self) -> None:
        """Start broker, link, ingest, commander, monitoring and web; write the addresses for clients."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        home, closing = self.settings.home, self._closing
        closing.callback(self._database.close)
        repository = Repository(home.registry, home.keys)
        catalogue = Catalogue(self._database, repository, self._now_ms)
        catalogue.reconcile()
        repository.refresh(self._now())
        enrolment = self._enrolment(repository)
        enrolment.publish_accounts()
        broker = self._start_broker()
        demands = Demands(settings_of(home.folder).caution)
        commander = Commander(self._database, catalogue, self._send_retained, self._now_ms, demands.follow)
        self._consumer = Consumer(self._database, self._send, lambda o: self._committed(commander, o), self._now_ms)
        self._link = self._connect(commander)
        context = Context(home, self._database, repository, catalogue, enrolment, commander, self._now_ms, self.url)
        self.context = context
        for start, stop in (
            (self._consumer.start, self._consumer.stop),
            (commander.start, commander.stop),
            (self._link.start, self._link.close),
        ):
            start()
            closing.callback(stop)
        self._background("refresh", lambda: self._keep_fresh(repository))
        self._background("link", self._watch_link)
        self._background("monitoring", lambda: keep_watching(watch_of(context), self._stopping))
        closing.callback(self._stopping.set)
        self._start_web(context)
        self._tell_clients(broker)

    def stop(self) -> None:
        """End everything in reverse order."""
        self._stopping.set()
        self._closing.close()

    def _enrolment(self, repository: Repository) -> Enrolment:
        ca = self.settings.broker_ca
        public = f"http://{self.settings.public_host}:{self._port}"
        addresses = Addresses(self.broker_url, public, ca.read_text() if ca else None)
        return Enrolment(self._database, addresses, repository.root_bytes, self._accounts_changed, self._now_ms)

    def _accounts_changed(self, devices: list[Account]) -> None:
        own, _ = broker_account(self.settings.home)
        for folder in self._broker_folders():
            if files.write_accounts(folder, [own, *devices]):
                files.reload(folder)

    def _broker_folders(self) -> list[Path]:
        chosen = self.settings.broker_files
        return [self.settings.home.broker] if chosen is None else [self.settings.home.broker, chosen]

    def _start_broker(self) -> BrokerProcess | None:
        if not self.settings.starts_broker:
            return None
        folder, host = self.settings.home.broker, self.settings.host
        if self.settings.broker == MOSQUITTO:
            files.write_config(folder, host, self._mqtt_port)
            broker = start_mosquitto(folder, host, self._mqtt_port)
        else:
            broker = start_embedded(folder, host, self._mqtt_port)
        self._closing.callback(broker.stop)
        return broker

    def _connect(self, commander: Commander) -> Link:
        _, password = broker_account(self.settings.home)
        ca = self.settings.broker_ca
        link = Link(
            self._broker_url(self.settings.local_host),
            FLEET,
            FLEET,
            password,
            ca.read_text() if ca else None,
            on_message=self._consumer.put,
            on_connect=lambda present: commander.connected(),
            start=False,
        )
        link.subscribe([fleet_filter(channel) for channel in UP])
        return link

    def _send(self, topic: str, payload: bytes) -> None:
        self._link.publish(topic, payload, 1, False)

    def _send_retained(self, topic: str, payload: bytes) -> None:
        self._link.publish(topic, payload, 1, True)

    def _committed(self, commander: Commander, outcome: Outcome) -> None:
        if outcome.moved:
            commander.wake()

    def _background(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._closing.callback(thread.join, 10)

    def _watch_link(self) -> None:
        """Say in one line when the broker is away, and when it is back."""
        told = ""
        while not self._stopping.wait(_LINK_S):
            problem = "" if self._link.connected else self._link.problem
            if problem and problem != told:
                _log.warning("broker %s: %s; devices keep their facts until it is back", self.broker_url, problem)
            elif told and not problem:
                _log.warning("broker %s is back", self.broker_url)
            told = problem

    def _keep_fresh(self, repository: Repository) -> None:
        while not self._stopping.wait(_REFRESH_S):
            try:
                repository.refresh(self._now())
            except (LinesideError, OSError) as error:
                _log.error("the registry's timestamp could not be signed anew: %s", error)

    def _start_web(self, context: Context) -> None:
        config = uvicorn.Config(
            create_app(context), log_level="warning", access_log=False, timeout_graceful_shutdown=2, lifespan="off"
        )
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.settings.host, self._port))
        except OSError as error:
            listener.close()
            raise ConfigError(f"port {self._port} was taken meanwhile ({error.strerror}); try again") from error
        listener.listen(128)
        self._closing.callback(listener.close)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="web", daemon=True)
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join(10)

        self._closing.callback(end)

    def _tell_clients(self, broker: BrokerProcess | None) -> None:
        home = self.settings.home
        run = {
            "pid": os.getpid(),
            "url": self.url,
            "broker": self.broker_url,
            "broker_pid": broker.pid if broker else None,
        }
        write_private_json(home.run, run)
        self._closing.callback(home.run.unlink, True)
        write_private_json(home.client, {"url": self.url, "token": self._token})

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ms() / 1000, timezone.utc)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Service]:
    """A server for the length of a with block."""
    service = Service(settings)
    service.start()
    try:
        yield service
    finally:
        service.stop()
