"""A small SQLite file beside ML Metadata that answers "was this done before?" without importing anything heavy."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, LinesideError, Unavailable
from trainer.pipeline.key import Parts
from trainer.pipeline.lock import file_lock

FILE = "index.sqlite"
_SCHEMA = """
create table if not exists entries(
  key text primary key, step text not null, parts text not null, outputs text not null, run text not null,
  seconds real not null, created integer not null);
create index if not exists entries_of_step on entries(step);
create table if not exists files(
  path text primary key, size integer, mtime integer, ctime integer, inode integer, hashed integer, sha text);
create table if not exists running(
  execution integer primary key, step text not null, run text not null, key text not null default '', entry text);
create table if not exists pins(run text not null, digest text not null, primary key(run, digest));
"""

_ENTRIES = "select step, parts, outputs, run, seconds, created from entries"


@dataclass(frozen=True)
class Stored:
    """An output as the index knows it."""

    type: str
    digest: str
    properties: dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A step that was done: what it depended on, what it made, when (milliseconds since 1970) and how long."""

    step: str
    parts: Parts
    outputs: dict[str, Stored]
    run: str
    seconds: float
    created_ms: int


@dataclass(frozen=True)
class Stat:
    """What tells that a file was not written since: size, times in nanoseconds, inode."""

    size: int
    mtime: int
    ctime: int
    inode: int


@dataclass(frozen=True)
class Begun:
    """An execution that is noted as running. `entry` is there once its function has ended."""

    execution: int
    step: str
    run: str
    key: str
    entry: Entry | None


class Index:
    """Keys of finished steps, digests of known files, and executions that are under way.

    Of two executions that one is the later which was added later: a clock may have been set back between them.
    Threads and processes may use it at once. Raises Unavailable when the disk refuses, ConfigError when the
    file is damaged.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._guard = root, threading.RLock()
        with file_lock(root / "locks" / "index"):
            try:
                self._db = sqlite3.connect(root / FILE, timeout=30, isolation_level=None, check_same_thread=False)
                self._db.executescript("pragma journal_mode=wal; pragma synchronous=full;" + _SCHEMA)
                self._upgrade()
            except sqlite3.Error as error:
                raise self._refused(error) from error

    def _upgrade(self) -> None:
        """Give the table `running` of a root that an older version made its newer columns."""
        if "entry" not in {row[1] for row in self._db.execute("pragma table_info(running)")}:
            self._db.execute("alter table running add column key text not null default ''")
            self._db.execute("alter table running add column entry text")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, key: str) -> Entry | None:
        """Return what was made under this key."""
        rows = self._rows(f"{_ENTRIES} where key = ?", key)
        return _entry(rows[0]) if rows else None

    def latest(self, step: str) -> Entry | None:
        """Return the last finished execution of a step, whatever its key."""
        rows = self._rows(f"{_ENTRIES} where step = ? order by rowid desc limit 1", step)
        return _entry(rows[0]) if rows else None

    def entries(self) -> dict[str, Entry]:
        """Return all finished executions by their keys, oldest first."""
        rows = self._rows("select key, step, parts, outputs, run, seconds, created from entries order by rowid")
        return {row[0]: _entry(row[1:]) for row in rows}

    def of_step(self, step: str) -> list[Entry]:
        """Return every finished execution of a step, oldest first."""
        return [_entry(row) for row in self._rows(f"{_ENTRIES} where step = ? order by rowid", step)]

    def made(self, digest: str) -> list[Entry]:
        """Return every execution that made content whose digest begins so."""
        sql = f"{_ENTRIES} where outputs like ? order by rowid"
        return [_entry(row) for row in self._rows(sql, f'%"digest": "{digest}%')]

    def bundle(self, identity: str) -> str:
        """Return the store's digest of the artifact that is the bundle with this ID; "" when none is."""
        rows = self._rows(f"{_ENTRIES} where outputs like ? order by rowid", f'%"bundle": "{identity}%')
        outputs = [stored for row in rows for stored in _entry(row).outputs.values()]
        found = [s.digest for s in outputs if s.type == "Bundle" and str(s.properties["bundle"]).startswith(identity)]
        return found[0] if found else ""

    def add(self, key: str, entry: Entry) -> None:
        """Remember a finished step; it replaces what was known under the key."""
        self._rows(
            "insert or replace into entries(key, step, parts, outputs, run, seconds, created) values (?,?,?,?,?,?,?)",
            *(key, entry.step, json.dumps(asdict(entry.parts)), _outputs(entry), entry.run),
            *(entry.seconds, entry.created_ms),
        )

    def forget(self, key: str) -> None:
        """Drop a key whose content is damaged or gone."""
        self._rows("delete from entries where key = ?", key)

    def known_files(self) -> dict[str, tuple[Stat, int, str]]:
        """Return for each known file its stat, when it was hashed (nanoseconds) and its SHA-256."""
        rows = self._rows("select path, size, mtime, ctime, inode, hashed, sha from files")
        return {row[0]: (Stat(*row[1:5]), row[5], row[6]) for row in rows}

    def remember_files(self, rows: Iterable[tuple[str, Stat, int, str]]) -> None:
        """Remember digests of files."""
        values = [(p, s.size, s.mtime, s.ctime, s.inode, hashed, sha) for p, s, hashed, sha in rows]
        with self._guard:
            self._rows("begin immediate")
            try:
                self._db.executemany("insert or replace into files values (?,?,?,?,?,?,?)", values)
                self._rows("commit")
            except sqlite3.DatabaseError as error:
                self._db.rollback()
                raise self._refused(error) from error

    def started(self, execution: int, step: str, run: str, key: str = "") -> None:
        """Note that an execution is recorded as RUNNING in ML Metadata."""
        sql = "insert or replace into running(execution, step, run, key) values (?,?,?,?)"
        self._rows(sql, execution, step, run, key)

    def stored(self, execution: int, entry: Entry) -> None:
        """Note what the execution has made: once all of it lies in the store, whoever comes next can finish it."""
        content = json.dumps(
            {"parts": asdict(entry.parts), "outputs": _outputs(entry), "ms": entry.created_ms, "seconds": entry.seconds}
        )
        self._rows("update running set entry = ? where execution = ?", content, execution)

    def ended(self, execution: int) -> None:
        """Note that it is not any more."""
        self._rows("delete from running where execution = ?", execution)

    def orphans(self) -> list[Begun]:
        """Return executions that are noted as running; those of living runs are none."""
        return [_begun(row) for row in self._rows("select execution, step, run, key, entry from running")]

    def pin(self, run: str, digests: Iterable[str]) -> None:
        """Note that a run needs contents, so that none is collected while it lives."""
        for digest in digests:
            self._rows("insert or ignore into pins values (?,?)", run, digest)

    def unpin(self, run: str) -> None:
        """Note that a run is over."""
        self._rows("delete from pins where run = ?", run)

    def pins(self) -> dict[str, set[str]]:
        """Return what each run needs, by its name."""
        found: dict[str, set[str]] = {}
        for run, digest in self._rows("select run, digest from pins"):
            found.setdefault(run, set()).add(digest)
        return found

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            with self._guard, closing(self._db.execute(sql, values)) as rows:
                return [tuple(row) for row in rows.fetchall()]
        except sqlite3.DatabaseError as error:
            raise self._refused(error) from error

    def _refused(self, error: sqlite3.Error) -> LinesideError:
        if isinstance(error, sqlite3.OperationalError):
            return Unavailable(f"{self._root}: the index cannot be used ({error}); free its disk or name another root")
        return ConfigError(
            f"{self._root / FILE} is damaged ({error}); move it away with {FILE}-wal and {FILE}-shm, and run again: "
            "the steps then run anew, and what is blessed or pushed stays"
        )


def _entry(row: tuple[Any, ...]) -> Entry:
    step, parts, outputs, run, seconds, created = row
    made: Mapping[str, Any] = json.loads(outputs)
    return Entry(step, Parts(**json.loads(parts)), {n: Stored(**s) for n, s in made.items()}, run, seconds, created)


def _outputs(entry: Entry) -> str:
    return json.dumps({name: asdict(stored) for name, stored in entry.outputs.items()})


def _begun(row: tuple[Any, ...]) -> Begun:
    execution, step, run, key, noted = row
    if not noted:
        return Begun(execution, step, run, key, None)
    kept = json.loads(noted)
    parts = json.dumps(kept["parts"])
    return Begun(execution, step, run, key, _entry((step, parts, kept["outputs"], run, kept["seconds"], kept["ms"])))
