"""When a person is asked something that decides nothing, and under which name. Rules only; chance is an argument."""

from __future__ import annotations

import re
from enum import Enum

EARLIEST_S, LATEST_S = 1.0, 8.0
"""A question comes so long after an answer: one that came at once would be known for what it is."""

_NUMBER = re.compile(r"\d+(?=\D*$)")
_NAMES_BACK = 30


class Question(Enum):
    """What may be asked after an answer."""

    KNOWN = "known"
    SECOND = "second"


def next_question(draw: float, known_share: float, known: bool, second: bool, busy: bool) -> Question | None:
    """Return what to ask a person who has just answered; `draw` is uniform in 0..1.

    `known`, `second`: whether there is something of the kind; `busy`: the person has a question already.
    """
    if busy:
        return None
    if known and draw < known_share:
        return Question.KNOWN
    return Question.SECOND if second else None


def delay_s(draw: float) -> float:
    """Return after how many seconds the question comes; `draw` uniform in 0..1."""
    return EARLIEST_S + draw * (LATEST_S - EARLIEST_S)


def borrowed_name(serial: str, part: int, draw: float) -> str:
    """Return a name that looks like those of the parts: the last serial's number, a few parts back.

    >>> borrowed_name("SN-00042-A", 42, 0.2), borrowed_name("", 42, 0.0)
    ('SN-00035-A', '#41')
    """
    back = 1 + int(draw * _NAMES_BACK)
    found = _NUMBER.search(serial)
    if found is None:
        return serial or f"#{max(1, part - back)}"
    number = str((int(found[0]) - back) % 10 ** len(found[0])).zfill(len(found[0]))
    return serial[: found.start()] + number + serial[found.end() :]
