"""Triggers by HTTP: handed to the hot process, which answers with what became of the part."""

from __future__ import annotations

import queue
import threading
from uuid import uuid4

from edge_agent.channel import Channel, Message
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.station.errors import Refused

WAIT_S = 5.0


class Triggers:
    """Requests that wait for their answer. Safe to call from several threads."""

    def __init__(self, channel: Channel, clock: Clock, wait_s: float = WAIT_S) -> None:
        self._channel = channel
        self._clock = clock
        self._wait_s = wait_s
        self._waiting: dict[str, queue.SimpleQueue[Message]] = {}
        self._lock = threading.Lock()

    def pull(self, serial: str, recipe: str = "") -> Message:
        """Trigger a part and return its verdict.

        Raises Refused (409) where the trigger bounced, Unavailable where the part cannot be written down or the hot
        process does not answer.
        """
        at = self._clock.monotonic()
        request, answers = uuid4().hex, queue.SimpleQueue[Message]()
        with self._lock:
            self._waiting[request] = answers
        try:
            told = {"serial": serial, "recipe": recipe, "request": request}
            self._channel.send({"to": "hot", "kind": "trigger", "at": at, **told})
            answer = answers.get(timeout=self._wait_s)
        except queue.Empty as error:
            raise Unavailable("the inspection process did not answer the trigger; look at the station") from error
        finally:
            with self._lock:
                self._waiting.pop(request, None)
        if answer.get("bounced"):
            raise Refused(409, "bounced", "no part: this came within trigger.debounce_ms of the trigger before")
        if "unwritten" in answer:
            why = answer["unwritten"]
            raise Unavailable(f"the part is rejected and cannot be written down ({why}); look at the disk")
        return {k: v for k, v in answer.items() if k not in ("to", "from", "kind", "request")}

    def hear(self, message: Message) -> None:
        """Take the hot process's answer to a trigger."""
        with self._lock:
            answers = self._waiting.get(str(message.get("request")))
        if answers is not None and message.get("kind") == "triggered":
            answers.put(message)
