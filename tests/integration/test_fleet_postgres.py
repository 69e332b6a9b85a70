"""The fleet on PostgreSQL: the same tables, the same exactly-once, several ingest processes at a time."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, select

from edge_agent.contracts.messages import Ack, decode
from fleet.ingest.consume import Consumer
from fleet.store.database import Database
from fleet.store.metadata import METADATA
from fleet.store.tables import Counter, Event, Quarantine
from tests.simulators.fleet_device import Station, add_devices
from tests.simulators.postgres import postgres

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database():
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        with postgres(Path(folder)) as url:
            database = Database(url)
            database.migrate()
            yield database
            database.close()


def test_the_migrations_give_exactly_the_tables(database):
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_two_ingest_processes_with_the_same_messages_count_once(database):
    add_devices(database, "cam1", "cam2")
    stations = [Station("cam1"), Station("cam2")]
    messages = [s.events(*(s.event(s.decided()) for _ in range(5))) for _ in range(30) for s in stations]
    acks: list[bytes] = []

    def consume() -> None:
        consumer = Consumer(database, lambda topic, payload: acks.append(payload), lambda outcome: None, lambda: 1)
        for start in range(0, len(messages), 7):
            consumer._insist(messages[start : start + 7])

    threads = [threading.Thread(target=consume) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 300
        assert session.scalar(select(func.sum(Counter.value)).where(Counter.name == "parts")) == 300
        assert session.scalars(select(Quarantine)).all() == []
    assert max(position.seq for payload in acks for position in decode(Ack, payload).positions) == 150


def test_what_this_database_refuses_is_quarantined_and_acknowledged(database):
    add_devices(database, "cam3")
    cam = Station("cam3")
    acks: list[bytes] = []
    consumer = Consumer(database, lambda topic, payload: acks.append(payload), lambda outcome: None, lambda: 1)
    consumer.handle([cam.events(cam.event(cam.decided(serial="nul \0 byte")))])
    consumer.handle([cam.events(cam.event(cam.decided(), at_ms=10**30))])
    assert decode(Ack, acks[-1]).positions[0].seq == 2
    with database.read() as session:
        assert len(session.scalars(select(Quarantine)).all()) == 1
