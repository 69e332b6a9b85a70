"""F1 to F4: what the fleet's server stands, with the real ingest, commander, registry and brokers."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from edge_agent.contracts.events import Decided, Event, EventBatch
from edge_agent.contracts.messages import encode
from edge_agent.contracts.topics import Address, Channel
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.contracts.window import Statistics, WindowHead, encode_window
from fleet.ingest.commit import Outcome
from fleet.ingest.consume import Consumer
from fleet.service import now_ms
from tests.benchmarks.agent import forty_features
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet_live import live_figures
from tests.benchmarks.fleet_scale import scale_figures
from tests.simulators.fleet_device import BUNDLE, add_devices, new_database

SENDERS, ROUNDS, LIMIT_S = 250, 20, 120
_BOOT = UUID(int=2)


def figures() -> Iterator[Figure]:
    """Measure what needs no device first, then devices that run."""
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder:
        yield from _ingest(Path(folder))
        yield from scale_figures(Path(folder))
        yield from live_figures(Path(folder) / "live")


def _ingest(folder: Path) -> Iterator[Figure]:
    """F3: messages as devices send them, given to the real consumer, which commits them into SQLite."""
    for name, events, target in (("F3", 10, 5000.0), ("F3.single", 1, None)):
        (folder / name).mkdir()
        rate, facts = _commit_all(folder / name, events)
        note = f"{facts} of {SENDERS} devices, {events} per message, every tenth message a window; 500/s are needed"
        yield Figure(name, "events and windows committed, one process", rate, "1/s", target, "higher", note)


def _commit_all(folder: Path, events: int) -> tuple[float, int]:
    """Return facts committed per second, and how many they were."""
    database = new_database(folder)
    names = [f"station-{number:03d}" for number in range(SENDERS)]
    add_devices(database, *names)
    messages = _messages(names, events)
    expected = len(names) * (ROUNDS // 10) * (9 * events + 1)
    all_in, taken = threading.Event(), [0]

    def committed(outcome: Outcome) -> None:
        taken[0] += outcome.events + outcome.windows
        if taken[0] >= expected:
            all_in.set()

    consumer = Consumer(database, lambda topic, payload: None, committed, now_ms)
    for topic, payload in messages:
        consumer.put(topic, payload, False)
    try:
        started = time.perf_counter()
        consumer.start()
        all_in.wait(LIMIT_S)
        took = time.perf_counter() - started
    finally:
        consumer.stop()
        database.close()
    if taken[0] != expected or consumer.dropped:
        raise RuntimeError(f"{taken[0]} of {expected} facts were committed, {consumer.dropped} messages dropped")
    return expected / took, expected


def _messages(names: list[str], events: int) -> list[tuple[str, bytes]]:
    """Return what `names` send in `ROUNDS` rounds: decided parts, and a window in every tenth round."""
    baseline, draw = forty_features(), random.Random(4)
    statistics = Statistics.empty(baseline)
    for _ in range(50):
        for feature in baseline.features:
            statistics.tallies[feature.name].add(feature, draw.gauss(6, 3))
    messages = []
    for turn in range(ROUNDS):
        for name in names:
            address = Address("here", name)
            if turn % 10 == 9:
                window = _window(turn // 10 + 1, baseline.schema_id, statistics)
                messages.append((address.topic(Channel.WINDOW), window))
            else:
                first = (turn - turn // 10) * events + 1
                batch = EventBatch(boot=_BOOT, events=tuple(_decided(seq) for seq in range(first, first + events)))
                messages.append((address.topic(Channel.EVENT), encode(batch)))
    return messages


def _window(seq: int, schema_id: str, statistics: Statistics) -> bytes:
    head = WindowHead(boot=_BOOT, seq=seq, schema_id=schema_id, bundle=BUNDLE, started_ms=0, ended_ms=60_000, parts=50)
    return encode_window(head, statistics)


def _decided(seq: int) -> Event:
    data = Decided(
        part=seq,
        part_boot=_BOOT,
        serial=f"P-{seq:06d}",
        verdict=Verdict.ACCEPT,
        final=Verdict.ACCEPT,
        reason=Reason.MODEL,
        label="ok",
        score=0.0312,
        bundle=BUNDLE,
        latency_ms=6.25,
    )
    return Event(seq=seq, at_ms=1, data=data)
