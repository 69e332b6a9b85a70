"""Which rows of a batch each replica takes. Rules only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def place_of(count: int, replica: int, replicas: int) -> slice:
    """Return which of `count` rows one of `replicas` takes: neighbours, and at most one more than any other takes."""
    least, more = divmod(count, replicas)
    begin = replica * least + min(replica, more)
    return slice(begin, begin + least + (replica < more))


def share_of(rows: Rows, replica: int, replicas: int) -> Rows:
    """Return the rows that one of `replicas` takes, as `place_of` says."""
    return rows[place_of(len(rows), replica, replicas)]
