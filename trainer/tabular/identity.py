"""What a row is known by that names no part: what it says, wherever it stands and whatever its file is called.

Rules only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from trainer.tabular.values import Cells, Layout, spelled

_LETTERS = 16


def row_names(columns: Mapping[str, Cells], layout: Layout) -> npt.NDArray[np.object_]:
    """Return a name for each row; rows that say the same are numbered."""
    times: Counter[str] = Counter()
    names = []
    for text in row_texts(columns, layout):
        digest = hashlib.sha256(text.encode()).hexdigest()[:_LETTERS]
        times[digest] += 1
        names.append(digest if times[digest] == 1 else f"{digest}-{times[digest]}")
    return np.asarray(names or [""][:0], object)


def row_texts(columns: Mapping[str, Cells], layout: Layout) -> Iterator[str]:
    """Yield all cells of each row as one text, but for the label and the split, which people correct."""
    told = [spelled(columns[name]) for name in sorted(columns.keys() - {layout.label, layout.split})]
    rows = len(next(iter(columns.values())))
    return ("\x1f".join(column[row] for column in told) for row in range(rows))
