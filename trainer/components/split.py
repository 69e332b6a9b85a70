"""Which part is for training, which for choosing, which for the last word. Rules only.

Whole parts go one way, every label is spread over all splits, and a part that was once held out stays so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from edge_agent.contracts.errors import Rejected
from trainer.components.manifest import SPLITS

_ORDER = ("eval", "test")


def asked_for(wishes: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the split that the table asks for, for each part that has one; `wishes` is (part, split or "").

    Raises Rejected listing the parts whose pictures are asked to be in two splits.
    """
    found: dict[str, set[str]] = {}
    for part, split in wishes:
        if split:
            found.setdefault(part, set()).add(split)
    torn = sorted(part for part, splits in found.items() if len(splits) > 1)
    if torn:
        shown = ", ".join(torn[:5])
        raise Rejected(f"{len(torn)} parts have pictures in two splits ({shown}); a part belongs to one split whole")
    return {part: next(iter(splits)) for part, splits in found.items()}


def assign(
    labels: Mapping[str, str], kept: Mapping[str, str], shares: Mapping[str, float], salt: str = ""
) -> dict[str, str]:
    """Return the split of every part in `labels` (part -> label).

    `kept` parts stay where they are. The others of a label are taken in the order of a hash, so that neither the order
    nor the names of files matter, and fill up `eval` and `test` to their `shares` of the label; the rest trains.
    A label with three parts or more is in all splits.
    """
    split = {part: kept[part] for part in labels if kept.get(part) in SPLITS}
    for label in sorted(set(labels.values())):
        parts = [part for part, its in labels.items() if its == label]
        free = sorted((part for part in parts if part not in split), key=lambda part: _hash(part, salt))
        for name in _ORDER:
            there = sum(split.get(part) == name for part in parts)
            wanted = max(_quota(len(parts), shares[name]) - there, 0)
            taken, free = free[:wanted], free[wanted:]
            split |= dict.fromkeys(taken, name)
        split |= dict.fromkeys(free, "train")
    return split


def _quota(parts: int, share: float) -> int:
    if share <= 0:
        return 0
    return max(round(parts * share), 1 if parts >= len(SPLITS) else 0)


def _hash(part: str, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}/{part}".encode()).digest()
