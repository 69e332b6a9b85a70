"""Records that are not used, each with its reason: their kinds of trouble, and when there are too many. Rules only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edge_agent.contracts.errors import Rejected

FILE = "quarantine.json"
"""Where they are listed: none is dropped in silence."""
CHANGED = "changed while"
_KINDS = (
    ("^its mask", "mask"),
    ("cut off", "cut off"),
    ("claims .* pixels", "too large"),
    ("bytes long; at most", "too large"),
    ("leads outside", "outside the folder"),
    ("No such file", "missing"),
    ("not a file|Is a directory", "not a file"),
    ("cannot be read", "not readable"),
    (r"\(0 bytes\)", "empty"),
    ("not a readable picture", "not a picture"),
    ("expected a number", "no number"),
    ("^empty, expected", "empty"),
    ("fields, expected|quote|UTF-8|is empty|inside the folder|split is|listed twice", "line of the table"),
    (CHANGED, "changed meanwhile"),
)
What = Literal["pictures", "rows"]
_WHEN_NONE_IS_LEFT: dict[What, str] = {
    "pictures": "see the quarantine list",
    "rows": "give a table with rows below its first line",
}


@dataclass(frozen=True)
class Refused:
    """A record, by where it stands, and why it is not used."""

    where: str
    reason: str


def kind_of(reason: str) -> str:
    """Return the kind of trouble that a reason speaks of, for counting; "other" for an unknown one."""
    return next((kind for words, kind in _KINDS if re.search(words, reason)), "other")


def by_kind(bad: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count bad records by kind, the most frequent first."""
    counts: dict[str, int] = {}
    for one in bad:
        kind = kind_of(one["reason"])
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def check_bad(
    bad: Sequence[Mapping[str, Any]],
    total: int,
    max_bad: float,
    good: int,
    what: What = "pictures",
) -> None:
    """Raise Rejected where the share of bad records is above `max_bad`, something changed meanwhile, or none is good.

    `bad` are records with `path`, `sha256` ("" when it could not be read) and `reason`; `total` counts good and bad.
    A picture is told with its digest; of a row its file and line say more.
    """
    changed = [one for one in bad if CHANGED in one["reason"]]
    if changed:
        raise Rejected(f"{changed[0]['path']} {changed[0]['reason']}")
    if bad and len(bad) > max_bad * total:
        first = bad[0]
        content = f" ({first['sha256'][:12] or 'no content'})" if what == "pictures" else ""
        raise Rejected(
            f"{len(bad)} of {total} {what} are bad, more than max_bad {max_bad:.2%} allows; the first: "
            f"{first['path']}{content}: {first['reason']}; "
            "correct them or give --set max_bad=SHARE; 'trainer data check' lists them all"
        )
    if not good:
        raise Rejected(f"no usable {what.removesuffix('s')} is left; {_WHEN_NONE_IS_LEFT[what]}")
