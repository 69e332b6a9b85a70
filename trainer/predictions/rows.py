"""Predictions of a model for tables: rows of files, as ExampleGen reads them, in the edge runtime's own process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import RowContract, row_input
from trainer.components.table_source import files_of
from trainer.predictions.listing import Bad
from trainer.predictions.scoring import Model, Row, class_shares, judged
from trainer.tabular.read import Rows, read_rows

PART = "part"
"""Column that says which rows are of one part; without it every row is one."""
_BATCH = 20_000
Progress = Callable[[str, float], None]


def score_rows(
    model: Model, source: Path, scratch: Path, threads: int, progress: Progress
) -> tuple[list[Row], list[Bad]]:
    """Return a row of predictions for each row that can be read, and the others with the reason.

    `source` is a file or a folder of files. Raises Rejected for a file that is no table, ConfigError for none at all.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    found: list[Row] = []
    bad: list[Bad] = []
    paths = files_of(source)
    for number, path in enumerate(paths, 1):
        name = path.name if path == source else path.relative_to(source).as_posix()
        rows = read_rows(path, name, digest_file(path))
        bad += [Bad(row.path, row.reason) for row in rows.bad]
        for begin in range(0, len(rows.lines), _BATCH):
            found += _scored(model, rows, range(begin, min(begin + _BATCH, len(rows.lines))), scratch, threads, bad)
        progress(f"{number} of {len(paths)} files", number / len(paths))
    return found, bad


def _scored(model: Model, rows: Rows, chosen: range, scratch: Path, threads: int, bad: list[Bad]) -> Iterator[Row]:
    from converter.bench import run_on_edge

    contract = model.manifest.input
    if not isinstance(contract, RowContract):
        raise Rejected(f"model {model.manifest.name} takes pictures; give a folder of pictures")
    absent = [column.name for column in contract.columns if column.name not in rows.columns]
    if absent:
        raise Rejected(f"{rows.name}: column '{absent[0]}' is missing; found {', '.join(rows.columns)}; add it")
    places, inputs = [], []
    for row in chosen:
        try:
            inputs.append(row_input(_cells(rows, row, contract), contract))
            places.append(row)
        except Rejected as error:
            bad.append(Bad(f"{rows.name}:{rows.lines[row]}", str(error)))
    if not inputs:
        return
    np.save(scratch / "inputs.npy", np.stack(inputs))
    graph = model.folder.path(model.variant.blob)
    scores = run_on_edge(graph, scratch / "inputs.npy", scratch / "outputs.npz", threads, repeat=0).scores
    shares: npt.NDArray[np.float64] = class_shares(model, scores["logits"])
    for row, share in zip(places, shares, strict=True):
        place = f"{rows.name}:{rows.lines[row]}"
        part = rows.columns[PART][row] if PART in rows.columns else place
        yield {"part": str(part), "row": place, **judged(model, share)}


def _cells(rows: Rows, row: int, contract: RowContract) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for column in contract.columns:
        cell = rows.columns[column.name][row]
        cells[column.name] = cell if isinstance(cell, str) else None if math.isnan(cell) else float(cell)
    return cells
