"""F2: a rollout to very many simulated devices, and one look at the gates with 50,000 devices in the database.

Commander, ingest and SQLite are the real ones. The devices are simulated, and the broker is left out: what the
commander sends is answered at once: the whole reported state, twice, and the first part that the release judged.
"""

from __future__ import annotations

import queue
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert, update

from edge_agent.contracts.events import Decided, Event, EventBatch
from edge_agent.contracts.messages import Desired, Reported, decode, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.topics import Channel, parse
from edge_agent.contracts.verdict import Reason, Verdict
from fleet.ingest.commit import Outcome
from fleet.ingest.consume import Consumer
from fleet.registry.catalogue import Catalogue
from fleet.registry.repository import Repository
from fleet.rollout.commander import Commander
from fleet.rollout.orders import Limits, Order
from fleet.rollout.steps import advance
from fleet.rollout.transitions import DeviceStatus, RolloutState
from fleet.service import now_ms
from fleet.store.database import Database
from fleet.store.tables import Counter, Device, Model, Rollout, RolloutDevice
from tests.benchmarks.figure import Figure
from tests.benchmarks.timing import seconds
from tests.simulators.bundles import make_bundle
from tests.simulators.fleet_device import new_database

MANY, ROLLED = 50_000, 5_000
SITES = ("north", "south", "west", "east")
LOOKS = 5
LIMIT_S = 110.0
_BOOT = UUID(int=3)
_ACCEPT = Verdict.ACCEPT
_AT_ONCE = 5_000


def scale_figures(folder: Path) -> Iterator[Figure]:
    """Measure both halves of F2."""
    (folder / "end-to-end").mkdir()
    (folder / "gates").mkdir()
    with _fleet(folder / "end-to-end", ROLLED) as fleet:
        took = fleet.roll_out()
    note = f"{ROLLED} simulated devices of 50,000, 3 stages, in {took:.1f} s, broker left out; AWS 1,000 a minute"
    yield Figure("F2", "rollout end to end", ROLLED / took, "devices/s", 1000, "higher", note)
    with _fleet(folder / "gates", MANY) as fleet:
        looks = fleet.look_at_gates()
    note = f"median of {LOOKS}, {MANY} devices in the database; hawkBit's tick 2 s"
    yield Figure("F2", "one look at the gates", statistics.median(looks), "s", 2.0, "lower", note)


def _said(desired: Desired, state: UpdateState) -> Reported:
    """Return what a device reports on its way to what is desired."""
    assert desired.model is not None
    there = state is UpdateState.COMMITTED
    return Reported(
        generation=desired.generation,
        at_ms=1,
        boot=_BOOT,
        state=state,
        running=desired.model.bundle if there else None,
        running_release=desired.model.release if there else 0,
    )


@contextmanager
def _fleet(folder: Path, count: int) -> Iterator[SimulatedFleet]:
    database = new_database(folder)
    bundle = _publish(folder, database)
    names = [f"station-{number:05d}" for number in range(count)]
    rows = [
        {"id": name, "site": SITES[i % 4], "line": f"l{i % 8}", "device_class": "generic", "credential": ""}
        for i, name in enumerate(names)
    ]
    fixed = {"enrolled_ms": 0, "tags": {}, "online": True, "desired_generation": 0, "running_release": 0}
    fixed |= {"generation": 0, "presence_session": 0, "state": ""}
    _fill(database, Device, [{**row, **fixed} for row in rows])
    try:
        yield SimulatedFleet(database, folder, names, bundle)
    finally:
        database.close()


def _publish(folder: Path, database: Database) -> str:
    bundle = make_bundle(folder / "bundle")
    manifest = bundle.open().model_dump(mode="json")
    with database.begin() as session:
        session.add(Model(name="tiles", release=1, version="v1", bundle=bundle.id, manifest=manifest, published_ms=0))
    return bundle.id


def _fill(database: Database, table: type, rows: list[dict[str, object]]) -> None:
    for start in range(0, len(rows), _AT_ONCE):
        with database.begin() as session:
            session.execute(insert(table), rows[start : start + _AT_ONCE])


@dataclass
class SimulatedFleet:
    """Devices in a real database, and the commander that they obey."""

    database: Database
    folder: Path
    names: list[str]
    bundle: str

    def __post_init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        catalogue = Catalogue(self.database, Repository(self.folder / "registry", self.folder / "keys"), now_ms)
        self.commander = Commander(self.database, catalogue, lambda *message: self._asked.put(message), now_ms)
        part = Decided(part=1, part_boot=_BOOT, verdict=_ACCEPT, final=_ACCEPT, reason=Reason.MODEL, bundle=self.bundle)
        event = Event(seq=1, at_ms=1, data=part)
        self._part = encode(EventBatch(boot=_BOOT, events=(event,)))
        self.consumer = Consumer(self.database, lambda topic, payload: None, self._committed, now_ms)

    def _committed(self, outcome: Outcome) -> None:
        if outcome.moved:
            self.commander.wake()

    def roll_out(self) -> float:
        """Roll out to all devices in three stages; return the seconds from the order to the rollout's end."""
        devices = threading.Thread(target=self._answer, daemon=True)
        for begun in (devices, self.consumer, self.commander):
            begun.start()
        try:
            return seconds(self._to_the_end)
        finally:
            self.commander.stop()
            self.consumer.stop()
            self._asked.put(None)
            devices.join()

    def _to_the_end(self) -> None:
        order = Order(soak_ms=0, deadline_ms=3_600_000)
        rollout, end = self.commander.plan(order).id, time.monotonic() + LIMIT_S
        while self._state(rollout) == RolloutState.RUNNING.value:
            if time.monotonic() > end:
                raise TimeoutError(f"the rollout to {len(self.names)} devices took longer than {LIMIT_S:.0f} s")
            time.sleep(0.02)
        if self._state(rollout) != RolloutState.DONE.value:
            raise RuntimeError(f"the rollout ended {self._state(rollout)}")

    def _state(self, rollout: str) -> str:
        with self.database.read() as session:
            return session.get_one(Rollout, rollout).state

    def _answer(self) -> None:
        """Be the devices. What ingest has no room for is sent again, as an outbox does."""
        while (message := self._asked.get()) is not None:
            address, _ = parse(message[0])
            desired = decode(Desired, message[1])
            self._deliver(address.topic(Channel.REPORTED), encode(_said(desired, UpdateState.DOWNLOADING)))
            self._deliver(address.topic(Channel.REPORTED), encode(_said(desired, UpdateState.COMMITTED)))
            self._deliver(address.topic(Channel.EVENT), self._part)

    def _deliver(self, topic: str, payload: bytes) -> None:
        dropped = self.consumer.dropped
        self.consumer.put(topic, payload, False)
        while self.consumer.dropped > dropped:
            time.sleep(0.05)
            dropped = self.consumer.dropped
            self.consumer.put(topic, payload, False)

    def look_at_gates(self) -> list[float]:
        """Return the seconds of looks at the gates of a rollout's last stage in which one device is still at it."""
        rollout = self.commander.plan(Order(limits=Limits(parts=10**9))).id
        with self.database.begin() as session:
            done = {"status": DeviceStatus.COMMITTED.value, "generation": 1, "offered_ms": now_ms(), "settled_ms": 1}
            session.execute(update(RolloutDevice).values(**done))
            last = update(RolloutDevice).where(RolloutDevice.device == self.names[-1])
            session.execute(last.values(status=DeviceStatus.INSTALLING.value))
            shown = session.get_one(Rollout, rollout)
            shown.stage = len(shown.stages["sizes"]) - 1
        counts = {"parts": 300, "reason.model-error": 1, "reason.late": 1}
        rows = [
            {"device": d, "bundle": self.bundle, "name": n, "value": v} for d in self.names for n, v in counts.items()
        ]
        _fill(self.database, Counter, rows)
        return [self._look(rollout) for _ in range(LOOKS)]

    def _look(self, rollout: str) -> float:
        with self.database.begin() as session:
            running = session.get_one(Rollout, rollout)
            took = seconds(lambda: advance(session, running, now_ms()))
            if running.gates["health"]["n"] != 300 * (len(self.names) - 1):
                raise RuntimeError(f"the gates did not see all parts: {running.gates}")
        return took
