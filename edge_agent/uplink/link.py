"""The MQTT link: transport and nothing else. The only place that imports paho-mqtt.

What is said, in which order, and what happens when it is lost is decided by the callers: by the agent's outbox and
by the fleet's ingest. The link keeps one connection alive, re-subscribes, and says when a publish was acknowledged.
"""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from edge_agent.backoff import doubling
from edge_agent.contracts.errors import ConfigError

Will = tuple[str, bytes]
OnMessage = Callable[[str, bytes, bool], None]
OnConnect = Callable[[bool], None]

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
STABLE_AFTER_S = 5.0
"""A connection that lasted this long was a good one: after it the back-off starts anew."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FAREWELL_S = 2.0
_IN_FLIGHT = 100
_log = logging.getLogger("lineside.link")


def _improve(record: logging.LogRecord) -> bool:
    """Drop paho's complaint of every retry; add the traceback to what a callback raised."""
    if str(record.msg).startswith("Caught exception"):
        record.exc_info = sys.exc_info()
    return not str(record.msg).startswith("Client is not connected")


_log.addFilter(_improve)


def backoff(attempt: int, draw: float) -> float:
    """Return the seconds to wait before the given retry (0 is the first); `draw` in [0, 1) spreads a crowd."""
    return doubling(FIRST_DELAY_S, LONGEST_DELAY_S, attempt) * (0.5 + draw / 2)


class Handle:
    """One publish on its way."""

    def __init__(self, info: paho.MQTTMessageInfo) -> None:
        self._info = info

    def wait(self, timeout: float | None = None) -> bool:
        """Return True once the broker acknowledged (QoS 0: once it was written), False if not within `timeout` s."""
        try:
            self._info.wait_for_publish(timeout)
            return self._info.is_published()
        except (RuntimeError, ValueError):
            return False


class Link:
    """One MQTT 3.1.1 connection with a network thread of its own.

    It connects in the background, and again with a jittered back-off (0.2 to 30 s) whenever the connection is lost.
    `on_message(topic, payload, retained)` and `on_connect(session_present)` run in the network thread, possibly
    before the constructor returns (give `start=False` and call `start` where that matters); what they raise is
    logged. `will` may be a function: it is asked before each connection, so that each can have its own session.
    Publishes at QoS 1 made while the broker is away are kept in memory and sent on connecting; at QoS 0 they are lost.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        ca: str | None = None,
        will: Will | Callable[[], Will] | None = None,
        on_message: OnMessage | None = None,
        on_connect: OnConnect | None = None,
        *,
        clean: bool = True,
        keepalive_s: int = 30,
        start: bool = True,
    ) -> None:
        """`ca` is a PEM certificate for `mqtts`. Raises ConfigError for a URL that is not mqtt(s)://host[:port]."""
        self._host, self._port, secure = _parse(url)
        self._will, self._on_message, self._on_connect = will, on_message, on_connect
        self._filters: dict[str, int] = {}
        self._lock = threading.Lock()
        self._online, self._offline = threading.Event(), threading.Event()
        self._attempt, self._since, self._problem = 0, 0.0, ""
        self._keepalive_s = keepalive_s
        self._started = False
        self._client = self._build(client_id, username, password, clean)
        if secure:
            self._client.tls_set_context(_tls(ca))
        if start:
            self.start()

    @property
    def connected(self) -> bool:
        """True while the broker has accepted the connection."""
        return self._online.is_set()

    @property
    def problem(self) -> str:
        """Why the last attempt to connect failed; empty while connected."""
        return self._problem

    def start(self) -> None:
        """Begin to connect in the background."""
        if not self._started:
            self._started = True
            self._client.connect_async(self._host, self._port, keepalive=self._keepalive_s)
            self._client.loop_start()

    def wait_connected(self, timeout: float) -> bool:
        """Return True as soon as the link is connected, False if it is not within `timeout` seconds."""
        return self._online.wait(timeout)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> Handle:
        """Send a message, or queue it while the broker is away. Never blocks; see `Handle.wait`."""
        info = self._client.publish(topic, payload, qos, retain)
        if qos and info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS  # paho keeps it and sends it on connecting
        return Handle(info)

    def subscribe(self, filters: Iterable[str], qos: int = 1) -> None:
        """Subscribe now and after every reconnect."""
        new = dict.fromkeys(filters, qos)
        with self._lock:
            self._filters.update(new)
            connected = self.connected
        if new and connected:
            self._client.subscribe(list(new.items()))

    def close(self) -> None:
        """Disconnect in good order (no will is sent) and end the thread; what was not acknowledged is dropped."""
        if not self._started:
            return
        self._client.disconnect()
        if self.connected and not self._offline.wait(_FAREWELL_S):
            self._sever()
        self._client.loop_stop()
        self._online.clear()

    def _sever(self) -> None:
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _build(self, client_id: str, username: str | None, password: str | None, clean: bool) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=clean, protocol=paho.MQTTv311
        )
        client.enable_logger(_log)
        client.suppress_exceptions = True
        client.max_inflight_messages_set(_IN_FLIGHT)
        if username is not None:
            client.username_pw_set(username, password)
        client.on_pre_connect = self._before_connect
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        self._set_delay(client)
        return client

    def _set_delay(self, client: paho.Client) -> None:
        delay: Any = backoff(self._attempt, random.random())
        client.reconnect_delay_set(delay, delay)

    def _before_connect(self, client: paho.Client, userdata: object) -> None:
        if self._will is not None:
            topic, payload = self._will() if callable(self._will) else self._will
            client.will_set(topic, payload, qos=1, retain=True)

    def _connected(self, client: paho.Client, userdata: object, flags: Any, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._problem = f"the broker refuses: {reason}"
            return
        self._since, self._problem = time.monotonic(), ""
        self._offline.clear()
        with self._lock:
            filters = list(self._filters.items())
            self._online.set()
        if filters:
            client.subscribe(filters)
        if self._on_connect is not None:
            self._on_connect(bool(flags.session_present))

    def _failed(self, client: paho.Client, userdata: object) -> None:
        self._problem = f"no answer from {self._host}:{self._port}"
        self._retry_later(client)

    def _disconnected(self, client: paho.Client, userdata: object, flags: object, reason: Any, props: object) -> None:
        stable = self.connected and time.monotonic() - self._since >= STABLE_AFTER_S
        self._online.clear()
        self._offline.set()
        self._problem = self._problem or f"connection lost: {reason}"
        if stable:
            self._attempt = 0
        self._retry_later(client)

    def _retry_later(self, client: paho.Client) -> None:
        self._set_delay(client)
        self._attempt += 1

    def _message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        if self._on_message is not None:
            self._on_message(message.topic, bytes(message.payload), bool(message.retain))


def _parse(url: str) -> tuple[str, int, bool]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"broker address '{url}': {error}; use mqtt://host:1883 or mqtts://host:8883") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.path not in ("", "/"):
        raise ConfigError(f"broker address '{url}' is not mqtt://host:port or mqtts://host:port")
    return parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts"


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except ssl.SSLError as error:
        raise ConfigError(f"the broker's certificate authority is no PEM certificate ({error})") from error
