"""Which rows a step of the training sees, and which of them each replica takes. Rules only."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def rows_of(step: int, count: int, batch: int, seed: int) -> Rows:
    """Return the `batch` row numbers of a step: the rows are dealt anew, in another order, each time all were seen.

    They depend on the numbers given alone, so a training that goes on, and every worker, sees the same.
    """
    wanted, found = step * batch, []
    missing = batch
    while missing:
        turn, place = divmod(wanted, count)
        taken = _order(turn, count, seed)[place : place + missing]
        found.append(taken)
        wanted, missing = wanted + len(taken), missing - len(taken)
    return np.concatenate(found)


@lru_cache(maxsize=2)
def _order(turn: int, count: int, seed: int) -> Rows:
    return np.random.default_rng([seed, turn]).permutation(count)


def share_of(rows: Rows, replica: int, replicas: int) -> Rows:
    """Return the rows that one of `replicas` takes: neighbours, and at most one more than any other takes."""
    return np.array_split(rows, replicas)[replica]
