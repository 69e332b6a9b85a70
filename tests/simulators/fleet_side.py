"""The fleet's end of the conversation: keeps every fact once, acknowledges what is contiguous; and a bad line to it."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

from edge_agent.contracts.events import EventBatch
from edge_agent.contracts.messages import Ack, Position, Stream, decode
from edge_agent.contracts.topics import Channel
from edge_agent.contracts.window import decode_window


class FleetSide:
    """A database of facts by (boot, stream, seq). `received` counts what arrived, repeats included."""

    def __init__(self) -> None:
        self.facts: dict[tuple[UUID, Stream, int], bytes] = {}
        self.received = 0

    def take(self, channel: Channel, payload: bytes) -> Ack:
        """Keep what is new and say how far each stream is whole."""
        if channel is Channel.WINDOW:
            head, _ = decode_window(payload, None)
            self._keep(head.boot, Stream.WINDOW, head.seq, payload)
            return self._ack(head.boot, Stream.WINDOW)
        batch = decode(EventBatch, payload)
        for event in batch.events:
            self._keep(batch.boot, Stream.EVENT, event.seq, event.data.model_dump_json().encode())
        return self._ack(batch.boot, Stream.EVENT)

    def _keep(self, boot: UUID, stream: Stream, seq: int, fact: bytes) -> None:
        self.received += 1
        known = self.facts.setdefault((boot, stream, seq), fact)
        assert known == fact, "the same key came with other bytes"

    def _ack(self, boot: UUID, stream: Stream) -> Ack:
        seq = 0
        while (boot, stream, seq + 1) in self.facts:
            seq += 1
        return Ack(positions=(Position(boot=boot, stream=stream, seq=seq),))

    def count(self, boot: UUID, stream: Stream = Stream.EVENT) -> int:
        """Return how many facts of one boot's stream are there."""
        return sum(1 for key in self.facts if key[:2] == (boot, stream))


class BadLine:
    """Carries publishes to the fleet and acknowledgements back: loses, repeats and reorders by seeded chance."""

    def __init__(self, fleet: FleetSide, seed: int, loss: float, repeat: float) -> None:
        self.fleet, self.loss, self.repeat = fleet, loss, repeat
        self._random = random.Random(seed)
        self._up: list[tuple[Channel, bytes]] = []
        self._down: list[Ack] = []

    def publish(self, channel: Channel, payload: bytes) -> None:
        """Put a message on the line."""
        for _ in range(self._copies()):
            self._up.append((channel, payload))

    def carry(self, acknowledged: Callable[[Ack], object]) -> None:
        """Deliver what is on the line, in any order."""
        self._random.shuffle(self._up)
        sent, self._up = self._up, []
        for channel, payload in sent:
            ack = self.fleet.take(channel, payload)
            self._down.extend([ack] * self._copies())
        self._random.shuffle(self._down)
        acks, self._down = self._down, []
        for ack in acks:
            acknowledged(ack)

    def cut(self) -> None:
        """Lose everything that is on the line."""
        self._up, self._down = [], []

    def _copies(self) -> int:
        if self._random.random() < self.loss:
            return 0
        return 2 if self._random.random() < self.repeat else 1
