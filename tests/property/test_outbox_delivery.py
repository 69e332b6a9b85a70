"""Whatever the line and the power do, the fleet has every fact of the outbox exactly once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.contracts.events import Fault
from edge_agent.contracts.messages import Ack, Position, Stream
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.uplink.outbox import Delivery
from tests.simulators.clock import HandClock
from tests.simulators.fleet_side import BadLine, FleetSide

ROUNDS = 600
STEP = st.sampled_from(
    ["write", "write", "pump", "pump", "carry", "carry", "wait", "reconnect", "kill", "reboot", "cut"]
)


class Device:
    """A journal, and the delivery that dies and comes back."""

    def __init__(self, folder: Path, line: BadLine, hand: HandClock) -> None:
        self.line, self.hand, self.folder = line, hand, folder
        self.boots = 0
        self.written: dict[UUID, int] = {}
        self.reboot()

    def reboot(self) -> None:
        self.boots += 1
        self.boot = UUID(int=self.boots)
        self.kill()
        with self.database.transaction():
            self.database.run("add_boot", boot=str(self.boot), started_ms=self.boots)

    def kill(self) -> None:
        self.database = Database(self.folder / "journal.db")
        self.delivery = Delivery(self.database, self.boot, self.line.publish, self.hand.clock)

    def write(self, count: int) -> None:
        with self.database.transaction():
            for _ in range(count):
                fault = Fault(code="made-up", active=True, detail=str(self.written.get(self.boot, 0)))
                outbox.append_event(self.database, self.boot, fault, 0)
                self.written[self.boot] = self.written.get(self.boot, 0) + 1

    def do(self, step: str, number: int) -> None:
        match step:
            case "write":
                self.write(number)
            case "pump":
                self.delivery.pump()
            case "carry":
                self.line.carry(self.delivery.acknowledged)
            case "wait":
                self.hand.forward(15.0)
            case "reconnect":
                self.line.cut()
                self.delivery.restart()
            case "kill":
                self.kill()
            case "reboot":
                self.reboot()
            case "cut":
                self.line.cut()

    def drain(self) -> None:
        for _ in range(ROUNDS):
            self.do("pump", 0)
            self.do("carry", 0)
            self.hand.forward(130.0)
            if not any(outbox.boots(self.database, stream) for stream in Stream):
                return
        raise AssertionError("the outbox did not become empty")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(STEP, st.integers(1, 700)), max_size=25),
    st.integers(0, 10_000),
    st.floats(0, 0.6),
    st.floats(0, 0.5),
)
def test_every_fact_arrives_exactly_once(steps, seed, loss, repeat):
    fleet = FleetSide()
    with tempfile.TemporaryDirectory() as folder:
        device = Device(Path(folder), BadLine(fleet, seed, loss, repeat), HandClock())
        for step, number in steps:
            device.do(step, number)
        device.drain()
        assert {boot: fleet.count(boot) for boot in device.written} == device.written
        assert sum(device.written.values()) == len(fleet.facts)
        assert device.delivery.waiting() == {"outbox.event": 0.0, "outbox.window": 0.0}


def test_facts_of_a_boot_arrive_in_order_on_a_good_line(tmp_path):
    seen: list[int] = []
    fleet = FleetSide()
    line = BadLine(fleet, 1, 0.0, 0.0)
    device = Device(tmp_path, line, HandClock())
    device.write(5000)
    device.drain()
    seen = [seq for _, _, seq in fleet.facts]
    assert sorted(seen) == list(range(1, 5001))
    assert fleet.received == 5000


def test_an_ack_of_what_was_never_sent_deletes_nothing(tmp_path):
    device = Device(tmp_path, BadLine(FleetSide(), 1, 0.0, 0.0), HandClock())
    device.write(3)
    lie = Ack(positions=(Position(boot=device.boot, stream=Stream.EVENT, seq=3),))
    assert device.delivery.acknowledged(lie) == 0
    device.delivery.pump()
    far = Ack(positions=(Position(boot=device.boot, stream=Stream.EVENT, seq=99),))
    assert device.delivery.acknowledged(far) == 3
    device.write(1)
    assert outbox.depth(device.database, Stream.EVENT) == 1


def test_no_more_than_the_allowed_number_is_in_flight_and_the_rate_cap_holds(tmp_path):
    hand, published = HandClock(), []
    database = Database(tmp_path / "journal.db")
    boot = UUID(int=1)
    with database.transaction():
        for _ in range(3000):
            outbox.append_event(database, boot, Fault(code="x", active=True), 0)
    free = Delivery(database, boot, lambda channel, payload: published.append(len(payload)), hand.clock)
    free.pump()
    free.pump()
    assert len(published) == 5
    published.clear()
    capped = Delivery(
        database, boot, lambda channel, payload: published.append(len(payload)), hand.clock, bytes_per_second=1000
    )
    for _ in range(100):
        capped.pump()
        hand.forward(0.1)
    assert sum(published) < 10 * 1000 + 2 * 1000 + max(published)
