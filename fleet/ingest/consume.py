"""The consumer: messages from the link are queued, committed in batches, and acknowledged after the commit.

While the database is away the batch is kept and tried again; when the queue is full, messages are dropped, for the
devices keep theirs until they are acknowledged.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.messages import Ack, encode
from edge_agent.contracts.topics import Channel
from fleet.ingest.commit import Batch, Outcome
from fleet.ingest.facts import Incoming
from fleet.store.database import Database

BATCH = 400
QUEUE = 20_000
LINGER_S = 0.02
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_POSITIONS = 64
_log = logging.getLogger("lineside.ingest")


class Consumer:
    """One thread that commits what `put` is given. `send(topic, payload)` carries the acknowledgements.

    `committed(outcome)` is called after each commit, in the consumer's thread; it must be quick.
    """

    def __init__(
        self,
        database: Database,
        send: Callable[[str, bytes], object],
        committed: Callable[[Outcome], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._database, self._send, self._committed, self._now_ms = database, send, committed, now_ms
        self._queue: queue.Queue[Incoming] = queue.Queue(QUEUE)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        """Begin to consume."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is queued and end the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message from the link; never blocks."""
        try:
            self._queue.put_nowait(Incoming(topic, payload, retained, self._now_ms()))
        except queue.Full:
            self.dropped += 1

    def _run(self) -> None:
        while not (self._stopped.is_set() and self._queue.empty()):
            batch = self._gather()
            if batch:
                self._insist(batch)

    def _gather(self) -> list[Incoming]:
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        end = time.monotonic() + LINGER_S
        while len(batch) < BATCH:
            try:
                batch.append(self._queue.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _insist(self, batch: list[Incoming]) -> None:
        attempt = 0
        while True:
            try:
                self.handle(batch)
                return
            except Unavailable as error:
                wait = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
                _log.warning("ingest waits %s s: %s", wait, error)
                if self._stopped.wait(wait):
                    return
                attempt += 1

    def handle(self, batch: list[Incoming]) -> None:
        """Commit and acknowledge a batch; one that the database refuses is taken apart to find the bad message."""
        try:
            outcome = self.commit(batch)
        except (SQLAlchemyError, OverflowError, ValueError) as error:
            if len(batch) == 1 and batch[0].distrust:
                _log.error("message on %s could not even be quarantined: %s", batch[0].topic, error)
                return
            _log.warning("batch of %d refused (%s); its messages are tried one by one", len(batch), error)
            alone = len(batch) == 1
            for one in batch:
                self.handle([_distrusted(one) if alone else one])
            return
        self._acknowledge(outcome)
        self._committed(outcome)

    def commit(self, batch: list[Incoming]) -> Outcome:
        """Store a batch in one transaction."""
        with self._database.begin() as session:
            return Batch(session, batch, self._now_ms()).run()

    def _acknowledge(self, outcome: Outcome) -> None:
        for address in outcome.acks:
            positions = outcome.positions(address)
            for start in range(0, len(positions), _POSITIONS):
                ack = Ack(positions=tuple(positions[start : start + _POSITIONS]))
                self._send(address.topic(Channel.ACK), encode(ack))


def _distrusted(message: Incoming) -> Incoming:
    return Incoming(message.topic, message.payload, message.retained, message.received_ms, distrust=True)
