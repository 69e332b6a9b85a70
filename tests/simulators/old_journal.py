"""A journal as an earlier agent left it: what later schemas added is taken away again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

_TABLES = {
    1: ("plc_part",),
    2: ("part_message",),
    3: ("readiness",),
    4: (
        *("part_detail", "held_answer", "withdrawn_answer", "blind_check", "second_opinion"),
        *("sample", "automation", "challenge", "challenge_lock"),
    ),
    5: ("changeover", "canary", "part_view"),
}
_COLUMNS = {5: (("boot", "number"), ("outbox", "suspect"), ("image", "part"), ("automation", "recipe"))}


def make_old(path: Path, version: int) -> None:
    """Turn a journal of the present schema into one of an earlier one."""
    raw = sqlite3.connect(path)
    dropped = _since(_TABLES, version)
    for table in dropped:
        raw.execute(f"DROP TABLE {table}")
    for index in ("image_upload", "image_ring"):
        raw.execute(f"DROP INDEX {index}")
    for table, column in _since(_COLUMNS, version):
        if table not in dropped:
            raw.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    raw.execute("CREATE INDEX image_upload ON image (stored_ms) WHERE upload = 'wanted'")
    raw.execute("CREATE INDEX image_ring ON image (class DESC, stored_ms)")
    raw.execute(f"PRAGMA user_version={version}")
    raw.commit()
    raw.close()


def _since(added: dict[int, tuple], version: int) -> Iterable:
    return [thing for before, things in added.items() if before >= version for thing in things]
