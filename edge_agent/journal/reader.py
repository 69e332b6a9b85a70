"""The journal for those who only look: reports, traces, commands beside a running station."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.journal.database import SCHEMA_VERSION, Database, queries


class Reader:
    """A read-only connection. Every query is read to its end at once, so that nobody's reading holds the log back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sql = queries()

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query. Raises Unavailable where the file cannot be read."""
        try:
            return self._connection.execute(self._sql[query], values).fetchall()
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"the journal cannot be read ({error}); try again, or run 'edge-agent doctor'") from error

    def row(self, query: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query, or None."""
        found = self.rows(query, **values)
        return found[0] if found else None


@contextmanager
def read_journal(path: Path) -> Iterator[Reader]:
    """Open a station's journal for reading; one of an earlier schema is brought up to date before.

    May be used from several threads, one at a time. Raises ConfigError where there is no journal or a newer one.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no journal; start the station with 'edge-agent run' once, or give its --home")
    if _version(path) != SCHEMA_VERSION:
        Database(path).close()
    connection = _connect(path)
    try:
        yield Reader(connection)
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, check_same_thread=False)


def _version(path: Path) -> int:
    connection = _connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"{path}: the journal cannot be read ({error}); run 'edge-agent doctor'") from error
    finally:
        connection.close()
