"""The journal for a command that writes beside a station, whether that runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from edge_agent.contracts.errors import ConfigError
from edge_agent.journal.database import Database


@contextmanager
def journal_beside(path: Path) -> Iterator[tuple[Database, UUID]]:
    """Open a station's journal with the boot of its last run, under which a command's events go to the fleet.

    Raises ConfigError where there is no journal.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no journal; start the station with 'edge-agent run' once, or give its --home")
    database = Database(path)
    try:
        last = database.row("last_boot")
        yield database, UUID(last[0]) if last else uuid4()
    finally:
        database.close()
