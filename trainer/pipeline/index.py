"""A small SQLite file beside ML Metadata that answers "was this done before?" without importing anything heavy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.key import Parts

_SCHEMA = """
create table if not exists entries(
  key text primary key, step text not null, parts text not null, outputs text not null, run text not null,
  seconds real not null, created integer not null);
create index if not exists entries_by_step on entries(step, created);
create table if not exists files(
  path text primary key, size integer, mtime integer, ctime integer, inode integer, hashed integer, sha text);
create table if not exists running(execution integer primary key, step text not null, run text not null);
"""


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


class Index:
    """Keys of finished steps, digests of known files, and executions that are under way."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(root / "index.sqlite", timeout=30, isolation_level=None)
            self._db.executescript("pragma journal_mode=wal; pragma synchronous=full;" + _SCHEMA)
        except sqlite3.Error as error:
            raise Unavailable(f"{root}: the index cannot be opened ({error}); free it or name another root") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, key: str) -> Entry | None:
        """Return what was made under this key."""
        row = self._row("select step, parts, outputs, run, seconds, created from entries where key = ?", key)
        return _entry(row) if row else None

    def latest(self, step: str) -> Entry | None:
        """Return the last finished execution of a step, whatever its key."""
        sql = "select step, parts, outputs, run, seconds, created from entries where step = ?"
        row = self._row(f"{sql} order by created desc, rowid desc limit 1", step)
        return _entry(row) if row else None

    def of_step(self, step: str) -> list[Entry]:
        """Return every finished execution of a step, oldest first."""
        sql = "select step, parts, outputs, run, seconds, created from entries where step = ? order by created, rowid"
        with closing(self._db.execute(sql, (step,))) as rows:
            return [_entry(row) for row in rows]

    def made(self, digest: str) -> list[Entry]:
        """Return every execution that made content whose digest begins so."""
        sql = "select step, parts, outputs, run, seconds, created from entries where outputs like ? order by created"
        with closing(self._db.execute(sql, (f'%"digest": "{digest}%',))) as rows:
            return [_entry(row) for row in rows]

    def bundle(self, identity: str) -> str:
        """Return the store's digest of the artifact that is the bundle with this ID; "" when none is."""
        sql = "select step, parts, outputs, run, seconds, created from entries where outputs like ? order by created"
        with closing(self._db.execute(sql, (f'%"bundle": "{identity}%',))) as rows:
            outputs = [stored for row in rows for stored in _entry(row).outputs.values()]
        found = [s.digest for s in outputs if s.type == "Bundle" and str(s.properties["bundle"]).startswith(identity)]
        return found[0] if found else ""

    def add(self, key: str, entry: Entry) -> None:
        """Remember a finished step; it replaces what was known under the key."""
        outputs = {name: asdict(stored) for name, stored in entry.outputs.items()}
        values = (key, entry.step, json.dumps(asdict(entry.parts)), json.dumps(outputs), entry.run)
        self._db.execute(
            "insert or replace into entries(key, step, parts, outputs, run, seconds, created) values (?,?,?,?,?,?,?)",
            (*values, entry.seconds, entry.created_ms),
        )

    def forget(self, key: str) -> None:
        """Drop a key whose content is damaged or gone."""
        self._db.execute("delete from entries where key = ?", (key,))

    def known_files(self) -> dict[str, tuple[Stat, int, str]]:
        """Return for each known file its stat, when it was hashed (nanoseconds) and its SHA-256."""
        sql = "select path, size, mtime, ctime, inode, hashed, sha from files"
        return {row[0]: (Stat(*row[1:5]), row[5], row[6]) for row in self._db.execute(sql)}

    def remember_files(self, rows: Iterable[tuple[str, Stat, int, str]]) -> None:
        """Remember digests of files."""
        values = [(p, s.size, s.mtime, s.ctime, s.inode, hashed, sha) for p, s, hashed, sha in rows]
        self._db.execute("begin")
        self._db.executemany("insert or replace into files values (?,?,?,?,?,?,?)", values)
        self._db.execute("commit")

    def started(self, execution: int, step: str, run: str) -> None:
        """Note that an execution is recorded as RUNNING in ML Metadata."""
        self._db.execute("insert or replace into running values (?,?,?)", (execution, step, run))

    def ended(self, execution: int) -> None:
        """Note that it is not any more."""
        self._db.execute("delete from running where execution = ?", (execution,))

    def orphans(self) -> list[int]:
        """Return executions that are noted as running; under the root's lock none can be."""
        return [row[0] for row in self._db.execute("select execution from running")]

    def _row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        with closing(self._db.execute(sql, values)) as rows:
            found = rows.fetchone()
            return tuple(found) if found else None


def _entry(row: tuple[Any, ...]) -> Entry:
    step, parts, outputs, run, seconds, created = row
    made: Mapping[str, Any] = json.loads(outputs)
    return Entry(step, Parts(**json.loads(parts)), {n: Stored(**s) for n, s in made.items()}, run, seconds, created)
