"""The database: SQLite in WAL mode by default, PostgreSQL by URL. Transactions are explicit and short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import ConfigError, Unavailable

_BUSY_MS = 15_000
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One engine for all threads of a process."""

    def __init__(self, url: str) -> None:
        """`url` as `sqlite:///path` or `postgresql://user:password@host/name`. Raises ConfigError."""
        self.engine = _engine(url)
        self._reader = self.engine.execution_options(lineside_read=True)

    @property
    def is_sqlite(self) -> bool:
        """True on SQLite."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that may write; commits at the end. Raises Unavailable where the database is away or busy."""
        with self._session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; on SQLite it waits for nobody."""
        with self._session(self._reader) as session:
            yield session

    @contextmanager
    def _session(self, engine: Engine) -> Iterator[Session]:
        try:
            with Session(engine, expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            if error.connection_invalidated or type(error).__name__ == "OperationalError":
                raise Unavailable(f"the database does not answer ({error.orig}); it is tried again") from error
            raise

    def migrate(self) -> None:
        """Bring the tables to this version's form; returns at once where they are."""
        from alembic import command

        with self.engine.connect() as connection:
            command.upgrade(_alembic(connection), "head")
            connection.commit()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def insert(session: Session, table: Any) -> Any:
    """Return an INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` on either database."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif parsed.get_backend_name() != "sqlite":
            raise ConfigError(f"database '{parsed.drivername}' is not supported; use sqlite:///PATH or postgresql://…")
        engine = create_engine(parsed, json_serializer=_json, pool_pre_ping=not parsed.drivername.startswith("sqlite"))
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigError(f"database URL is not valid ({error}); use sqlite:///PATH or postgresql://…") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _json(value: Any) -> str:
    return canonical_json(value).decode()


def _prepare(connection: Any, record: object) -> None:
    """Make the driver leave transactions to us; sync each commit, for an acknowledged fact must survive a power cut."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("lineside_read")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _alembic(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
