"""Which columns the data has, against those it had before: renamed ones, new ones, numbers that became texts.

Rules only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trainer.validation.anomaly_lines import accepting

_WORDS = {"num_stats": "a number", "string_stats": "a text", "bytes_stats": "bytes", "struct_stats": "a structure"}


def kinds_of(statistics: Any) -> dict[str, str]:
    """Return of each feature that any record has which statistics it has, by name; {} for None."""
    found = {}
    for feature in statistics.datasets[0].features if statistics is not None else ():
        kind = feature.WhichOneof("stats")
        if kind and getattr(feature, kind).common_stats.num_non_missing:
            found[".".join(feature.path.step)] = kind
    return found


def types_of(statistics: Any) -> dict[str, str]:
    """Return of each feature whether it is a `string`, an `int` or a `float`, as `trainer schema accept --new` does."""
    kinds = {0: "int", 1: "float"}
    features = statistics.datasets[0].features
    return {".".join(feature.path.step): kinds.get(feature.type, "string") for feature in features}


def changed_columns(now: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    """Say what is new, gone, or of another kind than in the former data, as `kinds_of` tells; nothing without these."""
    if not before:
        return
    gone, new = sorted(before.keys() - now.keys()), sorted(now.keys() - before.keys())
    for name in gone:
        hint = f"; {', '.join(new)} is new: was it renamed" if new else ""
        yield f"{name}: the former data had this column and these have not{hint}; {_remedy('add it', name, '--gone')}"
    for name in new:
        yield f"{name}: the former data had no such column; {_remedy('remove it', name, '--optional')}"
    for name in sorted(now.keys() & before.keys()):
        if now[name] != before[name]:
            was, is_now = _WORDS[before[name]], _WORDS[now[name]]
            remedy = _remedy("correct the column", name, "--optional")
            yield f"{name}: was {was} in the former data and is {is_now} now; {remedy}"


def _remedy(act: str, name: str, option: str) -> str:
    return f"{act}, or accept it: {accepting(name, option)}"
