"""Rows of a table to be predicted: files of CSV, Parquet or TFRecord, read as the pipeline reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowContract, row_input
from trainer.predictions.listing import Bad
from trainer.predictions.scoring import Model, Row, class_shares, judged, run_graph


@dataclass(frozen=True)
class TableRows:
    """All rows of the files in order: `columns` of cells, where each row stands, and what is no row."""

    columns: Mapping[str, Any]
    places: tuple[str, ...]
    bad: tuple[Bad, ...]
    digest: str

    def cells(self, number: int) -> dict[str, Any]:
        """Return one row's cells by column."""
        return {name: values[number] for name, values in self.columns.items()}


def read_table(source: Path, contract: RowContract, delimiter: str = ",") -> TableRows:
    """Read a file, or all files of a folder.

    Raises as `tables_in` and `read_rows`, and Rejected for one that is no table or lacks a column that the model takes.
    """
    from trainer.tabular.files import tables_in
    from trainer.tabular.read import join, origins, read_rows

    taken = frozenset(column.name for column in contract.columns)
    files = [read_rows(file, delimiter, taken.__contains__) for file in tables_in([source])]
    table = join(files)
    missing = [column.name for column in contract.columns if column.name not in table.columns]
    if missing:
        raise Rejected(f"{source}: column '{missing[0]}' is missing, which the model takes; add it")
    names, where = [[file.name, file.sha256] for file in files], origins(files)
    places = tuple(where(number)[0] for number in range(len(table.lines)))
    bad = tuple(Bad(row.path, row.reason) for row in table.bad)
    return TableRows(table.columns, places, bad, digest_bytes(canonical_json([names, delimiter])))


def score_rows(
    model: Model, table: TableRows, numbers: Sequence[int], scratch: Path, threads: int
) -> tuple[list[Row], list[Bad]]:
    """Return a prediction for each row that the model can take, and the others with the reason."""
    contract = model.manifest.input
    assert isinstance(contract, RowContract)
    used: list[int] = []
    inputs: list[Any] = []
    bad: list[Bad] = []
    for number in numbers:
        try:
            inputs.append(row_input(table.cells(number), contract))
            used.append(number)
        except Rejected as error:
            bad.append(Bad(table.places[number], str(error)))
    if not used:
        return [], bad
    shares = class_shares(model, run_graph(model, np.stack(inputs), scratch, threads)["logits"])
    return [{"row": table.places[n], **judged(model, share)} for n, share in zip(used, shares, strict=True)], bad
