"""Which numbers a row is for the model, made from the training rows; the same for a whole table at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowColumn, RowContract
from trainer.tabular.values import Typed

FILE = "inputs.json"


def contract_of(train: Typed, texts: list[str], vocabulary_max: int) -> RowContract:
    """Return the input contract: numbers, then texts with the values of training rows in the order of the alphabet.

    More rows do not change the order, so that a former model's weights go on fitting.

    Raises Rejected for a text column with more than `vocabulary_max` different values, and without any column.
    """
    columns = [RowColumn(name=name, kind="number") for name in train.numbers]
    for name in texts:
        values = sorted({str(text) for text in train.texts[name] if text})
        if len(values) > vocabulary_max:
            raise Rejected(
                f"column '{name}' has {len(values)} different texts in training rows, at most {vocabulary_max} are "
                "learned (transform.vocabulary_max); name it in table.ignore, or as table.part or table.time"
            )
        columns.append(RowColumn(name=name, kind="text", values=tuple(values)))
    if not columns:
        raise Rejected("no column is left for the model to see; take some out of table.ignore or table.slices")
    return RowContract(shape=(1, len(columns)), columns=tuple(columns))


def inputs_of(table: Typed, contract: RowContract) -> npt.NDArray[np.float32]:
    """Return all rows as the graph takes them, (n, columns) float32: `row.row_input` of each, at once."""
    made = []
    for column in contract.columns:
        if column.kind == "number":
            made.append(table.numbers[column.name])
            continue
        places = {**column.places, "": column.absent}
        made.append(np.asarray([places.get(text, column.unknown) for text in table.texts[column.name]], np.float32))
    return np.stack(made, axis=1).astype(np.float32)


def cells_of(table: Typed, contract: RowContract) -> list[dict[str, float | str]]:
    """Return each row's cells by column, as `row.row_input` takes them."""
    names = [column.name for column in contract.columns]
    columns = [
        table.numbers[c.name].astype(float).tolist() if c.kind == "number" else table.texts[c.name].tolist()
        for c in contract.columns
    ]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
