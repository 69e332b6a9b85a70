"""What a device says on MQTT and what it listens to (design of the topics): the transport is `link`."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.contracts.credentials import Credentials
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from edge_agent.contracts.messages import Ack, Command, Desired, Presence, Reported, decode, encode
from edge_agent.contracts.messages import Message as Payload
from edge_agent.contracts.topics import DOWN, Channel, parse
from edge_agent.home import Home
from edge_agent.install.record import InstallJournal
from edge_agent.install.slots import read_slots
from edge_agent.journal.database import Database
from edge_agent.uplink.doubts import Doubts
from edge_agent.uplink.link import Handle, Link
from edge_agent.uplink.outbox import Delivery
from edge_agent.uplink.reporting import HotView, Identity, health, reported_state
from edge_agent.uplink.windows import Windows

_log = logging.getLogger("lineside.uplink")
_CONNECTED, _TRIED = "connected", "tried"
_SESSIONS = 100_000
_FAREWELL_S = 1.0
_REMEMBERED = 256
_COMPARE_EVERY_S = 2.0


class Conversation:
    """One device's side. `run` is the delivery thread; the link's thread only puts what it hears into a queue.

    `desire` takes a desired state, `selftest` tries the model in use and returns what is wrong with it ("" = nothing).
    """

    def __init__(
        self,
        *,
        home: Home,
        credentials: Credentials,
        identity: Identity,
        database: Database,
        windows: Windows,
        desire: Callable[[Desired], None],
        selftest: Callable[[], str],
        clock: Clock,
        clock_suspect: Callable[[], bool],
        doubts: Doubts,
        bytes_per_second: int | None,
        health_every_s: float,
        poll_s: float,
    ) -> None:
        self._home, self._credentials, self._identity = home, credentials, identity
        self._database, self._windows, self._desire = database, windows, desire
        self._selftest, self._doubts = selftest, doubts
        self._clock, self._clock_suspect = clock, clock_suspect
        self._health_every_s, self._poll_s = health_every_s, poll_s
        self._heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._hot = HotView()
        self._record = InstallJournal(database, identity.boot, clock)
        self._told: Reported | None = None
        self._report_due = float("-inf")
        self._health_due, self._begun = clock.monotonic(), clock.monotonic()
        self._commands: list[UUID] = []
        self.refused = 0
        with database.transaction():
            self._session = database.next_number(f"session/{identity.boot}") * _SESSIONS
        self._link = self._make_link()
        self._delivery = Delivery(database, identity.boot, self._publish_bytes, clock, bytes_per_second)

    def connect(self) -> None:
        """Begin to connect in the background."""
        self._link.subscribe([self._credentials.address.topic(channel) for channel in DOWN])
        self._link.start()

    def hear(self, message: Message) -> None:
        """Take a message of the hot process or the supervisor."""
        before, self._hot = self._hot, self._hot.after(message)
        if replace(self._hot, gauges=()) != replace(before, gauges=()):
            self.wake()

    def wake(self) -> None:
        """The state has changed: say so at once."""
        self._report_due = float("-inf")
        self._wake.set()

    def status(self) -> Message:
        """Return what belongs into the station's status."""
        told = self._told
        state = {"state": told.state.value, "reason": told.reason, "generation": told.generation} if told else {}
        return {"connected": self._link.connected, "problem": self._link.problem, **state}

    def run(self, stopping: threading.Event) -> None:
        """Deliver until `stopping` is set; a journal that cannot be used now is tried again."""
        while not stopping.is_set():
            try:
                self.turn()
            except (Unavailable, ConfigError, sqlite3.Error) as error:
                _log.warning("cannot deliver now: %s", error)
                stopping.wait(1.0)
            self._wake.wait(self._poll_s)
            self._wake.clear()

    def turn(self) -> None:
        """Do once all that is due."""
        self._listen()
        self._doubts.look()
        self._windows.advance()
        if not self._link.connected:
            return
        self._report()
        self._delivery.pump()
        if self._clock.monotonic() >= self._health_due:
            self._health_due = self._clock.monotonic() + self._health_every_s
            self._say_health()

    def close(self) -> None:
        """Say goodbye in good order, so that no will is sent."""
        if self._link.connected:
            self._publish(Channel.PRESENCE, self._presence(False)).wait(_FAREWELL_S)
        self._link.close()
        self._wake.set()

    def _make_link(self) -> Link:
        broker, device = self._credentials.broker, self._credentials.device
        return Link(
            broker.url,
            device,
            broker.username,
            broker.password,
            broker.ca,
            will=self._will,
            on_message=self._on_message,
            on_connect=self._on_connect,
            start=False,
        )

    def _will(self) -> tuple[str, bytes]:
        self._session += 1
        return self._credentials.address.topic(Channel.PRESENCE), encode(self._presence(False))

    def _presence(self, online: bool) -> Presence:
        return Presence(online=online, boot=self._identity.boot, session=self._session, at_ms=self._clock.wall_ms())

    def _on_connect(self, session_present: bool) -> None:
        self._publish(Channel.PRESENCE, self._presence(True))
        self._heard.put((_CONNECTED, b""))
        self._wake.set()

    def _on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        self._heard.put((topic, payload))
        self._wake.set()

    def _listen(self) -> None:
        while True:
            try:
                topic, payload = self._heard.get_nowait()
            except queue.Empty:
                return
            if topic == _CONNECTED:
                self._told = None
                self._delivery.restart()
                continue
            if topic == _TRIED:
                self._record.fault("selftest", bool(payload), payload.decode())
                continue
            try:
                self._take(topic, payload)
            except Rejected as error:
                self.refused += 1
                _log.warning("message refused: %s", error)

    def _take(self, topic: str, payload: bytes) -> None:
        address, channel = parse(topic)
        if address != self._credentials.address or channel not in DOWN:
            self.refused += 1  # some brokers hand retained messages to clients that never asked for them
            return
        if channel is Channel.DESIRED and payload:
            self._desire(decode(Desired, payload))
        elif channel is Channel.ACK:
            self._delivery.acknowledged(decode(Ack, payload))
        elif channel is Channel.CMD:
            self._command(decode(Command, payload))

    def _command(self, command: Command) -> None:
        expired = command.expires_ms < self._clock.wall_ms() and not self._clock_suspect()
        if expired or command.id in self._commands:
            return
        self._commands = [*self._commands[-_REMEMBERED:], command.id]
        if command.name in ("report", "resync"):
            self._told = None
            self._health_due = self._clock.monotonic()
        if command.name == "resync":
            self._delivery.restart()
        if command.name == "selftest":
            threading.Thread(target=self._try_model, name="selftest", daemon=True).start()
        if command.name == "snapshot":
            self._record.fault("command-unsupported", True, "this agent has no command 'snapshot'")

    def _try_model(self) -> None:
        self._heard.put((_TRIED, self._selftest().encode()))
        self._wake.set()

    def _report(self) -> None:
        """Say the whole state where it differs from what was last said on this connection."""
        if self._told is not None and self._clock.monotonic() < self._report_due:
            return
        self._report_due = self._clock.monotonic() + _COMPARE_EVERY_S
        now = reported_state(
            self._identity,
            self._record.load(),
            read_slots(self._home.root),
            self._hot,
            self._clock.wall_ms(),
            self._clock_suspect(),
        )
        if self._told is None or now.model_copy(update={"at_ms": self._told.at_ms}) != self._told:
            self._publish(Channel.REPORTED, now)
            self._told = now

    def _say_health(self) -> None:
        tallies = dict(self._database.rows("read_tallies"))
        tallies["uplink.refused"] = self.refused
        uptime_s = self._clock.monotonic() - self._begun
        waiting = self._delivery.waiting()
        message = health(self._identity, tallies, self._hot, waiting, self._clock.wall_ms(), uptime_s)
        self._publish(Channel.HEALTH, message)

    def _publish(self, channel: Channel, message: Payload) -> Handle:
        topic = self._credentials.address.topic(channel)
        return self._link.publish(topic, encode(message), channel.qos, channel.retained)

    def _publish_bytes(self, channel: Channel, payload: bytes) -> None:
        self._link.publish(self._credentials.address.topic(channel), payload, channel.qos, channel.retained)
