"""Which text is a part's serial, and what a missing or known serial makes of its verdict. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable

from edge_agent.contracts.recipe import Identity, IdPolicy
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.verdict import Ruling

SERIAL_CHARACTERS = 200
"""Longer texts are no serials: cut to a length, two parts would have the same one."""


def is_serial(text: str, pattern: str) -> bool:
    """Return whether a text can be a serial: printable, neither empty nor too long, and all of it as in `pattern`.

    >>> is_serial("SN-0042", "SN-[0-9]{4}"), is_serial("SN-00421", "SN-[0-9]{4}"), is_serial("any", "")
    (True, False, True)
    """
    plain = 0 < len(text) <= SERIAL_CHARACTERS and text.isprintable() and bool(text.strip())
    return plain and (not pattern or re.fullmatch(pattern, text) is not None)


def serial_among(texts: Iterable[str], pattern: str) -> str:
    """Return the one serial among texts; "" where there is none, and where two differ: nobody knows whose they are."""
    serials = {text for text in texts if is_serial(text, pattern)}
    return serials.pop() if len(serials) == 1 else ""


def ruling_on_identity(
    ruling: Ruling, problem: Reason | None, identity: Identity, automation: Automation, late: bool
) -> Ruling:
    """Return the part's verdict once its serial is known or not: never a milder one than before.

    `problem` is `NO_ID`, `DUPLICATE_ID` or None. What is rejected already stays rejected for its own reason. `late`:
    looking for the serial took until after the deadline. Where nobody is asked (`full`), a review is a reject.
    """
    if ruling.verdict is Verdict.REJECT:
        return ruling
    if late:
        return Ruling(Verdict.REJECT, Reason.LATE)
    policy = identity.missing if problem is Reason.NO_ID else identity.duplicate
    if problem is None or policy is IdPolicy.IGNORE:
        return ruling
    asked = policy is IdPolicy.REVIEW and automation is not Automation.FULL
    return Ruling(Verdict.REVIEW if asked else Verdict.REJECT, problem)
