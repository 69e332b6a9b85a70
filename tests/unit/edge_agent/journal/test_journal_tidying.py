"""The write-ahead log is kept short, and no part waits for the disk because of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge_agent.journal import tidying
from edge_agent.journal.database import Database
from edge_agent.journal.tidying import Tidying


def two(folder: Path) -> tuple[Database, Database]:
    """The connections of two threads of one process."""
    turn = threading.Lock()
    return Database(folder / "j.db", turn=turn), Database(folder / "j.db", turn=turn)


def write(database: Database, times: int) -> None:
    for _ in range(times):
        with database.transaction():
            database.run("raise_tally", name="x", by=1)


def beginning(database: Database) -> bytes:
    """The head of the log, written and synced by whoever begins it."""
    return Path(f"{database.path}-wal").read_bytes()[:32]


def test_what_was_written_is_moved_and_no_part_begins_the_log(tmp_path: Path) -> None:
    hot, beside = two(tmp_path)
    write(hot, 50)
    before = beginning(hot)
    Tidying(beside).step()
    begun = beginning(hot)
    assert begun != before
    write(hot, 5)
    assert beginning(hot) == begun
    assert beside.checkpoint() == (6, 0), "one page of the tidying itself, five of the parts"
    hot.close()
    beside.close()


def test_nothing_is_written_while_nobody_writes(tmp_path: Path) -> None:
    hot, beside = two(tmp_path)
    tidy = Tidying(beside)
    write(hot, 3)
    tidy.step()
    before = hot.version()
    for _ in range(3):
        tidy.step()
    assert hot.version() == before
    write(beside, 1)
    tidy.step()
    assert hot.version() != before, "what the tidying connection itself has written counts as well"
    hot.close()
    beside.close()


def test_what_comes_while_the_log_is_tidied_is_tidied_the_next_time(tmp_path: Path) -> None:
    class Busy(Database):
        """One beside which a part comes right after the log has begun anew."""

        def start_log_anew(self) -> None:
            super().start_log_anew()
            write(hot, 1)

    hot, beside = Database(tmp_path / "j.db"), Busy(tmp_path / "j.db")
    tidy = Tidying(beside)
    write(hot, 1)
    tidy.step()
    before = beginning(hot)
    tidy.step()
    assert beginning(hot) != before, "else it would reach the disk with the next part at the earliest"
    hot.close()
    beside.close()


def test_a_log_never_grows_for_ever_under_parts_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "LONG_PAGES", 50)
    hot, beside = two(tmp_path)
    tidy, done = Tidying(beside), threading.Event()

    def parts() -> None:
        while not done.is_set():
            write(hot, 1)

    thread = threading.Thread(target=parts)
    thread.start()
    heads, until = {beginning(hot)}, time.monotonic() + 20
    try:
        while len(heads) < 6 and time.monotonic() < until:
            tidy.step()
            heads.add(beginning(hot))
    finally:
        done.set()
        thread.join()
    assert len(heads) == 6, "the log begins anew again and again"
    hot.close()
    beside.close()
