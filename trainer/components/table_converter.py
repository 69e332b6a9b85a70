"""Converter of tables: the blessed model becomes a bundle of measured variants; conversions run in child processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.row import RowContract
from trainer.components.conversion import as_trained, emptied, options_of, take
from trainer.pipeline.step import Context
from trainer.tabular.contract import FILE, cells_of
from trainer.tabular.examples import read_split
from trainer.tabular.features import label_places
from trainer.tabular.values import LABEL, PART


def table_converter(
    model: Path,
    examples: Path,
    blessing: Path,
    bundle: Path,
    recipe: Mapping[str, Any],
    variants: str,
    force: bool,
    version: str,
    release: int,
    sources: Mapping[str, str],
    folders: Sequence[str],
    context: Context,
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Convert, measure on the held-out rows (eval and test), choose and pack.

    `force` and `folders` are those of the Converter of pictures and mean nothing here: no picture calibrates anything.
    Raises Rejected when no variant passes.
    """
    from converter.tables import HeldOut, convert_table, table_options

    settings = as_trained(recipe, model)
    contract = RowContract.model_validate_json((model / FILE).read_bytes())
    splits = [read_split(examples, name) for name in ("eval", "test")]
    rows = [cells for table in splits for cells in cells_of(table, contract)]
    labels = [label_places(table.texts[LABEL], settings.labels.names) for table in splits]
    parts = tuple(str(part) for table in splits for part in table.texts[PART])
    options = table_options(options_of(blessing, version, release, sources, cost), variants)

    def progress(share: float, text: str) -> None:
        context.progress(text, share)

    out = emptied(context.scratch)
    held_out = HeldOut(rows, np.concatenate(labels), parts)
    made = convert_table(model / "saved_model", settings, contract, held_out, out, options, progress)
    return take(made, bundle, version, release)
