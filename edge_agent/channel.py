"""How the processes of a station talk: JSON objects, one a line, routed by the supervisor by their `to`.

Messages (besides `to` and `kind`; the supervisor adds `from`)

| from → to | kind | fields |
|---|---|---|
| uplink → hot | `activate` | `bundle`: load it, swap between two parts, keep the old one warm |
| uplink → hot | `revert` | `bundle`: the same, expected to be the warm one |
| uplink → hot | `settings` | `automation`, `audit`, `weighted` (shares of parts to answer for), all optional |
| hot → uplink | `activated` | `bundle` |
| hot → uplink | `activate_failed` | `bundle`, `reason` |
| uplink → hot | `challenger` | `bundle` that shall judge beside the champion, None: none; `share` it decides |
| uplink → hot | `warm` | `bundle`: hold it in memory, ready to take over; None: none |
| hot → uplink | `challenger_failed` | `bundle`, `reason` |
| hot → uplink, ui | `health` | about once a second: see `edge_agent.agent.Hot.health` |
| ui → hot | `look`: people changed the degree of automation, or something about challenge parts | |
| ui → hot | `review_decided` | `review`: the part's id |
| hot → hot | `trigger`, `plc_acted`, `recipe_wanted` | from the PLC's thread: see `edge_agent.plc.desk` |
| hot → uplink | `finished` | a part has its verdict; only where outputs are told from the journal |
| uplink → hot | `trigger` | `serial`, `id` of the message ("" for none), `at` |
| ui → hot | `preview` | somebody looks at the camera's page: see `edge_agent.capture.preview` |
| ui → hot | `trigger` | `serial`, `request` (any string, comes back) |
| hot → ui | `triggered` | `request`, `part`, `seq`, `verdict`, `reason`, `score`, `label` |
| supervisor → uplink | `child_exited` | `child`, `code` |
| hot, uplink, ui → supervisor | `status` | what belongs into `run/station.json` under the sender's name (ui: `url`) |
| anyone → supervisor | `stop` | |
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

Message = dict[str, Any]


class Channel(Protocol):
    """One process's end. Sending and receiving may happen in different threads."""

    @property
    def closed(self) -> bool:
        """True when the other side is gone or the process was asked to end."""

    @property
    def pending(self) -> bool:
        """True while a message waits to be received."""

    def send(self, message: Message) -> None:
        """Send a message; dropped silently once the channel is closed."""

    def receive(self, timeout: float) -> Message | None:
        """Return the next message, or None after `timeout` seconds or when the channel closes."""

    def deliver(self, message: Message) -> None:
        """Put a message into this end's own inbox, from whatever thread."""


class LocalChannel:
    """A channel within one process: what `send` gives is handed to `on_send`, `deliver` feeds `receive`."""

    def __init__(self, on_send: Callable[[Message], None] | None = None) -> None:
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._on_send = on_send

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed.is_set()

    def send(self, message: Message) -> None:
        """Hand the message to the other side."""
        if self._on_send is not None and not self.closed:
            self._on_send(message)

    @property
    def pending(self) -> bool:
        """True while a message waits to be received."""
        return not self._inbox.empty()

    def receive(self, timeout: float) -> Message | None:
        """Return the next delivered message, or None."""
        if timeout <= 0 and self._inbox.empty():
            return None  # asked after every part, nearly always for nothing: an exception would be dear
        try:
            return self._inbox.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None

    def deliver(self, message: Message) -> None:
        """Put a message into the inbox."""
        self._inbox.put(message)

    def wait_closed(self) -> None:
        """Return when the channel is closed."""
        self._closed.wait()

    def close(self) -> None:
        """End the conversation; a waiting `receive` returns at once."""
        self._closed.set()
        self._inbox.put(None)


class PipeChannel(LocalChannel):
    """A child's end of two pipes. End of input means that the supervisor is gone."""

    def __init__(self, reader: int, writer: int) -> None:
        super().__init__()
        self._writer = writer
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, args=(reader,), name="channel", daemon=True)
        self._reader.start()

    def send(self, message: Message) -> None:
        """Write one line; a broken pipe closes the channel."""
        line = encode_line(message)
        try:
            with self._lock:
                _write_all(self._writer, line)
        except OSError:
            self.close()

    def _read(self, reader: int) -> None:
        with os.fdopen(reader, "rb") as lines:
            for line in lines:
                message = decode_line(line)
                if message is not None:
                    self.deliver(message)
        self.close()


def child_channel() -> PipeChannel:
    """Take over standard input and output; what else is printed goes to standard error from here on."""
    reader, writer = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return PipeChannel(reader, writer)


def encode_line(message: Message) -> bytes:
    """Return the message as one line of JSON."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode_line(line: bytes) -> Message | None:
    """Return the message of one line; None for what is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _write_all(writer: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view) :]
