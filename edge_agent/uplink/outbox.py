"""Facts leave the device: pages of the outbox, sent until the fleet says that they are in its database.

A publish that the broker acknowledged proves the broker only; a row is deleted on the fleet's `ack` alone. What was
sent and not acknowledged is sent again after a reconnect or a pause, under the same (boot, stream, seq), so that the
receiver counts it once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from edge_agent.backoff import doubling
from edge_agent.clock import Clock
from edge_agent.contracts.messages import Ack, Stream
from edge_agent.contracts.topics import Channel
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.journal.outbox import Entry

Publish = Callable[[Channel, bytes], None]

ACK_S, ACK_LONGEST_S = 10.0, 120.0
"""After so long without progress what is in flight is sent again; the pause doubles each time."""

BATCH, BATCH_BYTES = 200, 120_000
IN_FLIGHT = {Stream.EVENT: 1000, Stream.WINDOW: 20}
_BOOTS_EVERY_S = 30.0
_BURST_S = 2.0
_CHANNELS = {Stream.EVENT: Channel.EVENT, Stream.WINDOW: Channel.WINDOW}


@dataclass
class Lane:
    """One boot's stream: everything up to `acked` is forgotten, up to `sent` is in flight."""

    boot: UUID
    stream: Stream
    acked: int = 0
    sent: int = 0
    highest: int = 0
    since: float = 0.0
    repeats: int = 0

    def rewind(self) -> None:
        """Take back what is in flight."""
        self.sent = self.acked

    def patience(self) -> float:
        """Return how long to wait for an acknowledgement, in seconds."""
        return doubling(ACK_S, ACK_LONGEST_S, self.repeats)


class Budget:
    """A rate cap in bytes per second with a short burst; None = no cap."""

    def __init__(self, rate: int | None, now: float) -> None:
        self._rate, self._since = rate, now
        self._left = float(rate or 0) * _BURST_S

    def open(self, now: float) -> bool:
        """Return whether something may be sent now; a message in hand is never cut."""
        if self._rate is None:
            return True
        self._left = min(self._rate * _BURST_S, self._left + (now - self._since) * self._rate)
        self._since = now
        return self._left > 0

    def take(self, size: int) -> None:
        """Count what was sent."""
        self._left -= size


class Delivery:
    """Brings the outbox of one device to the fleet. One thread uses it."""

    def __init__(
        self,
        database: Database,
        boot: UUID,
        publish: Publish,
        clock: Clock,
        bytes_per_second: int | None = None,
    ) -> None:
        self._database, self._boot, self._publish = database, boot, publish
        self._clock = clock
        self._budget = Budget(bytes_per_second, clock.monotonic())
        self._lanes: dict[tuple[UUID, Stream], Lane] = {}
        self._listed = float("-inf")

    def restart(self) -> None:
        """After a (re)connect: whatever was in flight may be lost, so all of it is in hand again."""
        self._listed = float("-inf")
        for lane in self._lanes.values():
            lane.rewind()
            lane.repeats = 0

    def acknowledged(self, ack: Ack) -> int:
        """Forget what the fleet has committed; return how many facts. More than was ever sent is not believed."""
        forgotten = 0
        for position in ack.positions:
            lane = self._lanes.get((position.boot, position.stream))
            if lane is None:
                continue
            seq = min(position.seq, lane.highest)
            if seq > lane.acked:
                forgotten += outbox.acknowledge(self._database, position.model_copy(update={"seq": seq}))
                lane.acked, lane.sent = seq, max(lane.sent, seq)
                lane.since, lane.repeats = self._clock.monotonic(), 0
        return forgotten

    def pump(self) -> int:
        """Send what may be in flight, the oldest boot first; return the number of messages."""
        now, messages = self._clock.monotonic(), 0
        self._list_lanes(now)
        for lane in self._lanes.values():
            self._take_back(lane, now)
            while self._budget.open(now) and self._send_next(lane, now):
                messages += 1
        return messages

    def waiting(self) -> dict[str, float]:
        """Return the number of facts that the fleet does not have yet, per stream."""
        counts = {f"outbox.{stream.value}": 0.0 for stream in Stream}
        for lane in self._lanes.values():
            counts[f"outbox.{lane.stream.value}"] += self._behind(lane)
        return counts

    def _behind(self, lane: Lane) -> int:
        row = self._database.row("read_counter", name=f"{lane.stream.value}/{lane.boot}")
        first = outbox.page(self._database, lane.boot, lane.stream, lane.acked, 1)
        return int(row[0]) - first[0].seq + 1 if row and first else 0

    def _list_lanes(self, now: float) -> None:
        if now - self._listed < _BOOTS_EVERY_S:
            return
        self._listed = now
        lanes: dict[tuple[UUID, Stream], Lane] = {}
        for stream in Stream:
            for boot in [*outbox.boots(self._database, stream), self._boot]:
                lanes.setdefault((boot, stream), self._lanes.get((boot, stream)) or Lane(boot, stream))
        self._lanes = lanes

    def _take_back(self, lane: Lane, now: float) -> None:
        if lane.sent > lane.acked and now - lane.since > lane.patience():
            lane.rewind()
            lane.repeats += 1

    def _send_next(self, lane: Lane, now: float) -> bool:
        room = IN_FLIGHT[lane.stream] - (lane.sent - lane.acked)
        limit = min(room, BATCH if lane.stream is Stream.EVENT else 1)
        entries = outbox.page(self._database, lane.boot, lane.stream, lane.sent, limit) if limit > 0 else []
        if not entries:
            return False
        taken = _fitting(entries)
        if lane.stream is Stream.EVENT:
            payload = event_batch(lane.boot, taken)
        else:
            payload = taken[0].payload
        self._publish(_CHANNELS[lane.stream], payload)
        self._budget.take(len(payload))
        if lane.sent == lane.acked:
            lane.since = now
        lane.sent = taken[-1].seq
        lane.acked = max(lane.acked, taken[0].seq - 1) if lane.highest == 0 else lane.acked
        lane.highest = max(lane.highest, lane.sent)
        return True


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Return the first entries that make a message of bearable size, all as suspect as the first; at least one."""
    size, taken = 0, 0
    for entry in entries:
        size += len(entry.payload)
        if taken and (size > BATCH_BYTES or entry.suspect != entries[0].suspect):
            break
        taken += 1
    return entries[:taken]


def event_batch(boot: UUID, entries: list[Entry]) -> bytes:
    """Return an `EventBatch` as it travels; the events' data is copied as the journal has it."""
    events = b",".join(b'{"at_ms":%d,"data":%b,"seq":%d}' % (e.at_ms, e.payload, e.seq) for e in entries)
    suspect = b"true" if entries[0].suspect else b"false"
    head = b'{"boot":"%b","clock_suspect":%b,"events":[' % (str(boot).encode(), suspect)
    return head + events + b'],"schema_version":1}'
