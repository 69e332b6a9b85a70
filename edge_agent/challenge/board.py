"""What people see of the challenge parts: the list, the lock, and the parts in doubt as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, fields, replace
from typing import Any

from edge_agent.challenge import record
from edge_agent.challenge.settings import ChallengeConfig
from edge_agent.contracts.errors import ConfigError
from edge_agent.journal.database import Rows
from edge_agent.report.lines import safe


def board(journal: Rows, config: ChallengeConfig | None) -> dict[str, Any]:
    """Return parts with their last challenge, what was started, and the lock that holds, as plain values."""
    last, lock = record.last_presented(journal), record.locked(journal)
    parts = config.parts if config is not None else ()
    return {
        "parts": [_row(part.name, part.known.value, last.get(part.name)) for part in parts],
        "armed": record.armed(journal),
        "lock": None if lock is None else {**asdict(lock), "suspects": record.count_suspects(journal, lock)},
    }


def _row(name: str, known: str, last: record.Last | None) -> dict[str, Any]:
    if last is None:
        return {"name": name, "known": known, "passed": None, "at_ms": None, "words": "never presented"}
    words = "passed" if last.passed else last.why or "not finished: the station was stopped; present it again"
    return {"name": name, "known": known, "passed": last.passed, "at_ms": last.at.at_ms, "words": words}


def checked_name(config: ChallengeConfig | None, name: str) -> str:
    """Return the name of a challenge part. Raises ConfigError for one that is not configured."""
    names = config.names if config is not None else ()
    if name not in names:
        known = ", ".join(names) or "none; name some under 'challenge' in station.yaml"
        raise ConfigError(f"no challenge part '{name[:60]}'; known: {known}")
    return name


def csv_lines(found: Iterable[record.Suspect], only: str | None = None) -> Iterator[str]:
    """Yield the table of suspects with its header, line by line; with `only` every other person's name is left out."""
    yield _line([field.name for field in fields(record.Suspect)])
    for each in found:
        suspect = each if only in (None, each.operator) else replace(each, operator="")
        yield _line([safe(value) if isinstance(value, str) else value for value in astuple(suspect)])


def _line(values: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
