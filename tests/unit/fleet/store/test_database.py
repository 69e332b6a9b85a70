"""The database: migrations give exactly the tables, transactions behave, both databases."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from edge_agent.contracts.errors import ConfigError, Unavailable
from fleet.store.database import Database, insert
from fleet.store.metadata import METADATA
from fleet.store.tables import Counter


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/fleet.db")
    database.migrate()
    yield database
    database.close()


def test_the_migrations_give_exactly_the_tables(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})
        assert compare_metadata(context, METADATA) == []
    database.migrate()


def test_a_failed_transaction_leaves_nothing(database):
    def fails() -> None:
        with database.begin() as session:
            session.add(Counter(device="d", bundle="", name="parts", value=1))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with database.read() as session:
        assert session.scalars(select(Counter)).all() == []


def test_writers_wait_for_each_other_and_nothing_is_lost(database):
    def work() -> None:
        for _ in range(25):
            with database.begin() as session:
                row = insert(session, Counter).values(device="d", bundle="", name="parts", value=1)
                more = {"value": Counter.value + row.excluded.value}
                session.execute(row.on_conflict_do_update(index_elements=["device", "bundle", "name"], set_=more))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalars(select(Counter.value)).one() == 100


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "oracle://x"])
def test_an_unknown_database_is_a_config_error(url):
    with pytest.raises(ConfigError, match=r"sqlite:///PATH|not supported"):
        Database(url)


def test_a_database_that_is_away_is_unavailable():
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable, match="does not answer"), away.read() as session:
        session.scalars(select(Counter)).all()
