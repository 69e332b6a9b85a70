"""The SQLite file itself: opening, durability, transactions, and SQL as named text."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from edge_agent.contracts.errors import ConfigError, Unavailable

SCHEMA_VERSION = 6
_PAGE_BYTES = 1024
"""A part changes a dozen pages by a few bytes each: small pages write a third of what the default would."""

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def queries() -> dict[str, str]:
    """Return the statements of `queries.sql` by name."""
    return _named("queries.sql")


def _named(file: str) -> dict[str, str]:
    pieces = _NAME.split(files(__package__).joinpath(file).read_text(encoding="utf-8"))
    return {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}


class Rows(Protocol):
    """Anything that answers the journal's named queries."""

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""


class Database:
    """One process's connection to the station's journal file; may be used from several threads, one at a time.

    `strict` syncs every commit to disk before it returns; otherwise a power cut may cost the last moments, a
    killed process never does. Threads of one process that share `turn` wait for each other by it; SQLite alone would
    have them sleep whole milliseconds. Their commits never tidy the write-ahead log, which takes as long: one of them
    has to, see `edge_agent.journal.tidying`.
    """

    def __init__(self, path: Path, strict: bool = False, turn: threading.Lock | None = None) -> None:
        self.path = path
        self._turn: AbstractContextManager[object] = turn or nullcontext()
        self._sql = queries()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(f"PRAGMA synchronous={'FULL' if strict else 'NORMAL'}")
            self._connection.execute("PRAGMA foreign_keys=ON")
            if turn is not None:
                self._connection.execute("PRAGMA wal_autocheckpoint=0")
            self._create()
        except sqlite3.DatabaseError as error:
            raise Unavailable(f"{path}: the journal cannot be opened ({error})") from error

    def _create(self) -> None:
        with self.transaction():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise ConfigError(
                    f"{self.path}: journal of schema {version}, this agent reads {SCHEMA_VERSION}; update the agent"
                )
            for statement in _steps(version):
                self._connection.execute(statement)
            if version != SCHEMA_VERSION:
                self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def transaction(self) -> Transaction:
        """Run a block as one write transaction. Raises Unavailable when the disk is full or the file is locked."""
        return Transaction(self._connection, self._turn, self.path)

    def run(self, query: str, **values: Any) -> int:
        """Execute a named statement; return the number of rows changed."""
        return self._connection.execute(self._sql[query], values).rowcount

    def insert(self, query: str, **values: Any) -> int:
        """Execute a named INSERT; return the row's id."""
        row_id = self._connection.execute(self._sql[query], values).lastrowid
        assert row_id is not None
        return row_id

    def copy_row(self, statement: str, row: tuple[object, ...]) -> int:
        """Execute an INSERT made for one row of a rescued file; return 1 where the row was new."""
        return max(0, self._connection.execute(statement, row).rowcount)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a named query."""
        return self._connection.execute(self._sql[query], values).fetchall()

    def row(self, query: str, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a named query, or None."""
        found: tuple[Any, ...] | None = self._connection.execute(self._sql[query], values).fetchone()
        return found

    def next_number(self, name: str) -> int:
        """Raise a counter and return its new value, starting at 1; call it within a transaction.

        Two plain statements: for `RETURNING` SQLite builds a table of its own, which takes longer than both.
        """
        if not self.run("raise_counter", name=name):
            self.run("set_counter", name=name, value=1)
        row = self.row("read_counter", name=name)
        assert row is not None
        return int(row[0])

    def checkpoint(self) -> tuple[int, int]:
        """Move what is in the write-ahead log into the file, as far as nobody is disturbed by it.

        Returns how many pages the log has, and how many of them are left: those written meanwhile.
        """
        _, pages, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return int(pages), int(pages - moved)

    def start_log_anew(self) -> None:
        """Move what is left in the log, and write into it from its beginning; who shares the turn waits meanwhile.

        Whoever writes first after all was moved waits for the disk: better this connection than the one of the parts.
        Raises Unavailable where the journal cannot be written.
        """
        with self._turn:
            pages, _ = self.checkpoint()
            with Transaction(self._connection, nullcontext(), self.path):
                self.run("set_meta", key="pages_tidied", value=str(pages))

    def version(self) -> tuple[int, int]:
        """Return two numbers: one differs as soon as others have written, one as soon as this connection has."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0]), self._connection.total_changes

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Transaction:
    """A write transaction as a context: committed at the end, undone by whatever is raised within."""

    __slots__ = ("_connection", "_path", "_turn")

    def __init__(self, connection: sqlite3.Connection, turn: AbstractContextManager[object], path: Path) -> None:
        self._connection, self._turn, self._path = connection, turn, path

    def __enter__(self) -> None:
        self._turn.__enter__()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            self._turn.__exit__(None, None, None)
            raise self._unwritable(error) from error
        except BaseException:
            self._turn.__exit__(None, None, None)
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        except sqlite3.OperationalError as failure:
            raise self._unwritable(failure) from failure
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._turn.__exit__(None, None, None)
        if isinstance(error, sqlite3.OperationalError):
            raise self._unwritable(error) from error

    def _unwritable(self, error: sqlite3.Error) -> Unavailable:
        return Unavailable(f"{self._path}: the journal cannot be written ({error})")


def _steps(version: int) -> Iterator[str]:
    """Return the statements that lead from a schema (0 = none) to the present one."""
    if version == 0:
        yield from _statements(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        return
    migrations = _named("migrations.sql")
    for older in range(version, SCHEMA_VERSION):
        yield from _statements(migrations[f"from_{older}"])


def _statements(text: str) -> Iterator[str]:
    """Split at semicolons (none stands inside a statement); executescript would commit."""
    without_comments = re.sub(r"--[^\n]*", "", text)
    return (piece.strip() for piece in without_comments.split(";") if piece.strip())
