"""A journal file damaged in the middle: set aside whole, what can be read is carried over, the gap is told.

Runs in the supervisor while no child has the file open. Nothing is deleted: the damaged file stays as
`journal-damaged-<time>.db` for whoever wants to look closer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge_agent.journal.database import Database

DAMAGED_EXIT = 65
"""Exit code of a child that found the journal damaged while it ran."""

_CARRIED = (
    *("boot", "part", "plc_part", "part_message", "part_detail", "part_view", "readiness"),
    *("review", "answer", "held_answer", "withdrawn_answer", "blind_check", "second_opinion", "canary"),
    *("outbox", "counter", "tally", "image"),
    *("sample", "automation", "challenge", "challenge_lock", "changeover"),
)
_MODEL_UPDATE = ("installation", "installation_log", "release_floor", "banned")
_CHECKED_BYTES = 256_000_000


def damage(path: Path) -> str:
    """Return what is wrong with a journal file, "" where nothing is found or there is none.

    Files beyond 256 MB are only opened, not read through: a station must be ready in seconds.
    """
    if not path.exists():
        return ""
    connection = sqlite3.connect(path, timeout=5.0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if path.stat().st_size > _CHECKED_BYTES:
            return ""
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        return "" if found == "ok" else " ".join(found.split())
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()


def rescue(path: Path, reason: str, now_ms: int) -> Path:
    """Set a damaged journal aside and begin a new one with everything of it that can still be read.

    Returns where the damaged file lies now. The new journal's `meta` row `rescued` says what happened.
    """
    aside = path.with_name(f"{path.stem}-damaged-{now_ms}.db")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.rename(part, aside.with_name(aside.name + suffix))
    database = Database(path)
    carried = {table: _carry(database, aside, table) for table in (*_CARRIED, *_MODEL_UPDATE)}
    with database.transaction():
        gap = _missing_parts(database)
        text = f"{reason[:200]}; carried over {carried['part']} parts, {gap} are missing; see {aside.name}"
        database.run("set_meta", key="rescued", value=text)
        database.run("clamp_cursors")  # new parts take the numbers of those that were lost
    database.close()
    return aside


def _carry(database: Database, aside: Path, table: str) -> int:
    """Copy what can be read of a table, from both ends towards the damage; return the number of rows."""
    count = 0
    with database.transaction():
        for columns, row in _readable(aside, table):
            names, marks = ", ".join(columns), ", ".join("?" * len(row))
            try:
                count += database.copy_row(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)
            except sqlite3.IntegrityError:
                continue  # it speaks of a part that is lost
    return count


def _readable(aside: Path, table: str) -> Iterator[tuple[list[str], tuple[object, ...]]]:
    for order in ("ASC", "DESC"):
        connection = sqlite3.connect(aside, timeout=5.0)
        try:
            found = connection.execute(f"SELECT * FROM {table} ORDER BY 1 {order}")
            columns = [column[0] for column in found.description]
            for row in found:
                yield columns, row
            return
        except sqlite3.DatabaseError:
            continue
        finally:
            connection.close()


def _missing_parts(database: Database) -> int:
    row = database.row("missing_parts")
    return int(row[0]) if row and row[0] is not None else 0


def rescued(database: Database) -> str:
    """Return, once, what the last rescue said; "" where there was none."""
    with database.transaction():
        row = database.row("get_meta", key="rescued")
        database.run("drop_meta", key="rescued")
    return str(row[0]) if row else ""
