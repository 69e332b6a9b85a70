"""Rows of a table that have the same readings: copies under two names, or one row in two deliveries. Rules only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.tabular.values import LABEL, PART, ROW, Typed

_MOSTLY_OWN = 0.5
"""Where fewer rows than this share have readings of their own, equal rows say nothing: few columns, few values."""
_MOST_PAIRS = 1000


def repeats(table: Typed, inputs: Sequence[str], split: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of `leaks.json` for a table, see `trainer.data.leaks`; `split` says where each part is.

    `near` are pairs of rows of different parts with equal `inputs`; such rows of one part are only counted (`same`).
    The table has LABEL, PART and ROW.
    """
    pairs = _equal_rows(table, inputs)
    parts = table.texts[PART]
    near = [_pair(table, split, *pair) for pair in pairs if parts[pair[0]] != parts[pair[1]]]
    counts = {name: sum(name in one["differs"] for one in near) for name in ("split", "label", "part")}
    listed = sorted(near, key=lambda one: ("split" not in one["differs"], "label" not in one["differs"]))
    return {
        "what": "rows",
        "threshold": 1.0,
        "same": [],
        "near": listed[:_MOST_PAIRS],
        "counts": {"same": len(pairs) - len(near), "near": len(near), **counts},
        "too_many": False,
    }


def _equal_rows(table: Typed, inputs: Sequence[str]) -> list[tuple[int, int]]:
    """Return each row with equal inputs with the first that has them; nothing where most rows are like others."""
    if not inputs:
        return []
    codes = np.stack([_coded(table, name) for name in inputs], axis=1)
    groups = list(_groups(codes))
    if len(codes) - sum(len(group) - 1 for group in groups) < _MOSTLY_OWN * len(codes):
        return []
    return [(int(group[0]), int(other)) for group in groups for other in group[1:]]


def _pair(table: Typed, split: Mapping[str, str], first: int, second: int) -> dict[str, Any]:
    two = [
        {
            "image": str(table.texts[ROW][row]),
            "part": str(table.texts[PART][row]),
            "label": str(table.texts[LABEL][row]),
            "split": split[str(table.texts[PART][row])],
        }
        for row in (first, second)
    ]
    differs = [name for name in ("split", "label", "part") if two[0][name] != two[1][name]]
    return {"similarity": 1.0, "pictures": two, "differs": differs}


def _coded(table: Typed, name: str) -> npt.NDArray[np.int64]:
    values = table.numbers.get(name)
    if values is None:
        known = {text: place for place, text in enumerate(sorted(set(table.texts[name])))}
        return np.asarray([known[text] for text in table.texts[name]], np.int64)
    found: npt.NDArray[np.int64] = np.ascontiguousarray(values).view(np.int32).astype(np.int64)
    return found


def _groups(codes: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the places of rows that are equal, where there are two or more, in the order of the first."""
    if not codes.size:
        return
    keys = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.dtype.itemsize * codes.shape[1]))).ravel()
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
    groups = [group for group in np.split(order, begins[1:]) if len(group) > 1]
    yield from sorted(groups, key=lambda group: int(group[0]))
