"""MQTT with the line: finished parts are published, messages make parts. The broker is the line's, not the fleet's."""

from __future__ import annotations

import hashlib
import logging
import socket
import sqlite3
from collections.abc import Callable

from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.line_messages import Notice, decode_trigger
from edge_agent.home import Home
from edge_agent.journal.journal import Journal
from edge_agent.outputs.secret import BrokerLogin
from edge_agent.uplink.link import Handle, Link, OnMessage

_WAITS_MAX = 3
_SILENT_S = 5.0
_FAULT = "trigger-broker"
_log = logging.getLogger("lineside.line")


def client_id(home: Home, name: str) -> str:
    """Return the name by which a broker knows this connection, another one for each station's folder."""
    place = f"{socket.gethostname()} {home.root}"
    return f"lineside-{hashlib.sha256(place.encode()).hexdigest()[:8]}-{name}"


class MqttReceiver:
    """Publishes each part at QoS 1 and waits for the broker's acknowledgement. `on_connect` hears of connections."""

    def __init__(self, login: BrokerLogin, client: str, topic: str, timeout_s: float) -> None:
        self._topic, self._timeout_s = topic, timeout_s
        self.on_connect: Callable[[], None] = lambda: None
        self._link = _link(login, client, None, self._connected)
        self._pending: tuple[str, Handle] | None = None
        self._waits = 0

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def tell(self, notice: Notice) -> None:
        """Publish one part. Raises Unavailable while the broker is away or does not acknowledge.

        The link repeats by itself what was not acknowledged when it lost the connection, so the same part is published
        a second time only where its acknowledgement stays away on a connection that lives.
        """
        if not self._link.wait_connected(self._timeout_s):
            raise Unavailable(self._link.problem or "the line's broker is away")
        if self._pending is None or self._pending[0] != notice.key:
            self._pending, self._waits = (notice.key, self._link.publish(self._topic, notice.encode())), 0
        if self._pending[1].wait(self._timeout_s):
            self._pending = None
            return
        self._waits += 1
        if self._waits >= _WAITS_MAX:
            self._pending = None
        raise Unavailable(f"the line's broker has not acknowledged part {notice.seq} on '{self._topic}'")

    def close(self) -> None:
        """Disconnect."""
        self._link.close()

    def _connected(self, session_present: bool) -> None:
        self.on_connect()


class MqttTrigger:
    """Hands what is asked for on a topic to the hot process. `journal` is a connection of its own.

    Sessions are clean and retained messages ignored: a part that was asked for while the station was away is gone.
    """

    def __init__(
        self,
        login: BrokerLogin,
        client: str,
        topic: str,
        send: Callable[[Message], None],
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._send, self._journal, self._clock = send, journal, clock
        self._link = _link(login, client, self._heard, None)
        self._link.subscribe([topic])
        self._seen_at = clock.monotonic()
        self._faulty = False

    @property
    def problem(self) -> str:
        """Why no trigger can come; "" while the broker is there."""
        return "" if self._link.connected else self._link.problem or "not connected yet"

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def watch(self) -> None:
        """Tell the fleet when the broker has been away for some seconds, and when it is back; call it now and then."""
        now, problem = self._clock.monotonic(), self.problem
        if not problem:
            self._seen_at = now
        away = now - self._seen_at >= _SILENT_S
        if away != self._faulty:
            self._journal.fault(_FAULT, away, problem, self._clock.wall_ms())
            self._faulty = away
            _log.warning("no triggers can come (%s)" if away else "triggers can come again%s", problem)

    def close(self) -> None:
        """Disconnect and let go of the journal."""
        self._link.close()
        self._journal.database.close()

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:
        at = self._clock.monotonic()
        if retained:
            _log.warning("a retained message on '%s' makes no part; publish triggers without the retain flag", topic)
            return
        try:
            asked = decode_trigger(payload)
        except Rejected as error:
            _log.warning("message on '%s' makes no part: %s", topic, error)
            self._count()
            return
        told = {"serial": asked.serial, "id": asked.id, "recipe": asked.recipe}
        self._send({"to": "hot", "kind": "trigger", "at": at, **told})

    def _count(self) -> None:
        try:
            self._journal.raise_tally("trigger.malformed")
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("a malformed trigger could not be counted: %s", error)


def _link(
    login: BrokerLogin, client: str, on_message: OnMessage | None, on_connect: Callable[[bool], None] | None
) -> Link:
    return Link(
        login.url,
        client,
        login.username,
        login.password,
        login.ca,
        on_message=on_message,
        on_connect=on_connect,
        start=False,
    )
