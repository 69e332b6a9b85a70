"""Which rows of a batch each replica takes. Rules only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def share_of(rows: Rows, replica: int, replicas: int) -> Rows:
    """Return the rows that one of `replicas` takes: neighbours, and at most one more than any other takes."""
    return np.array_split(rows, replicas)[replica]
