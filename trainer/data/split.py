"""Which part is for training, which for choosing, which for the last word. Rules only.

Whole parts go one way, every label is spread over all splits, and a part that was once held out stays so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from trainer.data.manifest import SPLITS

_ORDER = ("eval", "test")
STRATIFIED, BY_PART, BY_HASH = "stratified", "by-part", "by-hash"
"""Whole parts with every label in every split; whole parts by their names' hash alone; records by their own hash."""


def asked_for(wishes: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the split that the table asks for, for each part that has one; `wishes` is (part, split or "").

    A part that is asked into several goes where most of its pictures are asked; see `torn`.
    """
    counts: dict[str, Counter[str]] = {}
    for part, split in wishes:
        if split:
            counts.setdefault(part, Counter())[split] += 1
    return {part: max(sorted(found), key=found.__getitem__) for part, found in counts.items()}


def torn(places: Iterable[tuple[str, str]]) -> list[str]:
    """Return the parts of which (part, split) names more than one split; "" is none. A part belongs to one whole."""
    found: dict[str, set[str]] = {}
    for part, split in places:
        if split:
            found.setdefault(part, set()).add(split)
    return sorted(part for part, splits in found.items() if len(splits) > 1)


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


def assign_together(
    labels: Mapping[str, str],
    kept: Mapping[str, str],
    shares: Mapping[str, float],
    salt: str,
    group: Mapping[str, str],
) -> dict[str, str]:
    """Return the split of every part as `assign` does, where parts of one `group` (part -> group) go one way.

    A group counts as one part of its rarest label. Parts that are `kept` stay, even where that tears a group apart; the
    others of their group follow the most of them.
    """
    counts = Counter(labels.values())
    its: dict[str, str] = {}
    votes: dict[str, Counter[str]] = {}
    for part in sorted(labels):
        name = group.get(part, part)
        its[name] = min((its.get(name, labels[part]), labels[part]), key=lambda label: (counts[label], label))
        if kept.get(part) in SPLITS:
            votes.setdefault(name, Counter())[kept[part]] += 1
    stay = {name: max(sorted(found), key=found.__getitem__) for name, found in votes.items()}
    whole = assign(its, stay, shares, salt)
    return {part: kept[part] if kept.get(part) in SPLITS else whole[group.get(part, part)] for part in labels}


def assign_by_part(
    parts: Iterable[str], kept: Mapping[str, str], shares: Mapping[str, float], salt: str, group: Mapping[str, str]
) -> dict[str, str]:
    """Return the split of every part by the hash of its name (of its `group`'s) alone; `kept` parts stay."""
    return {
        part: kept[part] if kept.get(part) in SPLITS else by_hash(group.get(part, part), shares, salt) for part in parts
    }


def by_hash(name: str, shares: Mapping[str, float], salt: str) -> str:
    """Return the split that a hash falls into; whatever else there is changes nothing."""
    place = int.from_bytes(_hash(name, salt)[:8], "big") / 2**64
    if place < shares["eval"]:
        return "eval"
    return "test" if place < shares["eval"] + shares["test"] else "train"


def _quota(parts: int, share: float) -> int:
    if share <= 0:
        return 0
    return max(round(parts * share), 1 if parts >= len(SPLITS) else 0)


def _hash(part: str, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}/{part}".encode()).digest()
