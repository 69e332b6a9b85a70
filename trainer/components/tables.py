"""Columns of Examples as the data frame that TFDV reads: numbers as they are, empty texts as missing values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.components.examples import TEXTS, columns
from trainer.tabular.examples import is_table, read_columns, read_split
from trainer.tabular.values import LABEL, Typed

_NAMES = ("name", "sha256")


def frame(examples: Path, split: str) -> Any:
    """Return a pandas DataFrame of a split's features, without pictures, file names and digests.

    A text column that is empty throughout is left out: this data has no such column.
    """
    import pandas as pd

    if is_table(examples):
        return _rows(read_split(examples, split), examples)
    found: dict[str, Any] = {}
    for name, values in columns(examples, split).items():
        if name in _NAMES:
            continue
        if name not in TEXTS:
            found[name] = values
            continue
        texts = [value.decode() or None for value in values]
        if any(text is not None for text in texts) or not texts:
            found[name] = texts
    return pd.DataFrame(found)


def _rows(table: Typed, examples: Path) -> Any:
    """Return a table's columns and labels; which part a row belongs to says nothing of the readings."""
    import pandas as pd

    names = read_columns(examples)
    texts = {n: [text or None for text in table.texts[n]] for n in (*names["texts"], *names["slices"], LABEL)}
    return pd.DataFrame({**table.numbers, **texts})
