"""The line's side of the uplink process, wired: a courier for each receiver, and the trigger by MQTT.

It needs no fleet: a station that was never enrolled has it, too.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from uuid import UUID

from edge_agent.channel import Message
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import MqttTriggerConfig, ReceiverConfig, StationConfig, WebhookConfig
from edge_agent.contracts.errors import Unavailable
from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from edge_agent.outputs.courier import Courier
from edge_agent.outputs.secret import broker_login, read_ca, webhook_key
from edge_agent.outputs.webhook import Webhook
from edge_agent.uplink.line_mqtt import MqttReceiver, MqttTrigger, client_id

_LEAVE_S = 1.0
_log = logging.getLogger("lineside.line")


class LineSide:
    """What a station has to say to its line, and what it hears from there. Raises ConfigError for unusable files."""

    def __init__(
        self, home: Home, boot: UUID, send: Callable[[Message], None], config: StationConfig, clock: Clock = SYSTEM
    ) -> None:
        self._home, self._boot, self._clock = home, boot, clock
        self._trigger = self._make_trigger(config.trigger, send) if config.trigger.kind == "mqtt" else None
        self._links: list[MqttReceiver] = []
        self._couriers = [self._courier(receiver) for receiver in config.receivers]

    @property
    def alive(self) -> bool:
        """False when a thread has died: then the process should be started anew."""
        return all(courier.alive for courier in self._couriers)

    def start(self) -> None:
        """Connect, and go on with what was not told yet."""
        for link in self._links:
            link.start()
        for courier in self._couriers:
            courier.start()
        if self._trigger is not None:
            self._trigger.start()

    def receive(self, message: Message) -> None:
        """Take a message of the hot process: it wakes the couriers."""
        if message.get("kind") in ("finished", "started"):
            for courier in self._couriers:
                courier.wake()

    def watch(self) -> None:
        """Do what is due about once a second."""
        if self._trigger is not None:
            try:
                self._trigger.watch()
            except (Unavailable, sqlite3.Error) as error:
                _log.warning("the journal cannot be written: %s", error)

    def status(self) -> Message:
        """Return what is wrong by output, and with the trigger; "" for nothing."""
        status: Message = {"outputs": {courier.name: courier.problem for courier in self._couriers}}
        return status if self._trigger is None else {**status, "trigger": self._trigger.problem}

    def close(self) -> None:
        """Stop; what was not told is told after the next start."""
        if self._trigger is not None:
            self._trigger.close()
        for courier in self._couriers:
            courier.close(_LEAVE_S)

    def _journal(self) -> Journal:
        return Journal(Database(self._home.journal, turn=threading.Lock()), self._boot)

    def _make_trigger(self, config: MqttTriggerConfig, send: Callable[[Message], None]) -> MqttTrigger:
        login = broker_login(config, self._home)
        client = client_id(self._home, "trigger")
        return MqttTrigger(login, client, config.topic, send, self._journal(), self._clock)

    def _courier(self, config: ReceiverConfig) -> Courier:
        timeout_s = config.timeout_ms / 1e3
        if isinstance(config, WebhookConfig):
            key, ca = webhook_key(config, self._home), read_ca(self._home, config.ca)
            webhook = Webhook(config.url, key, ca, timeout_s, self._clock)
            return Courier(config.name, self._journal(), webhook, self._clock)
        login, client = broker_login(config, self._home), client_id(self._home, config.name)
        receiver = MqttReceiver(login, client, config.topic, timeout_s)
        courier = Courier(config.name, self._journal(), receiver, self._clock)
        receiver.on_connect = courier.hurry
        self._links.append(receiver)
        return courier
