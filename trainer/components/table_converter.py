"""Converter of tables: the blessed model becomes a bundle of measured variants; conversions run in child processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.bundle import Sources
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract
from trainer.evaluation.released import read_override
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
    from converter.confidence import Cost
    from converter.convert import Options
    from converter.tables import HeldOut, convert_table, table_options

    settings = Recipe.model_validate(recipe)
    contract = RowContract.model_validate_json((model / FILE).read_bytes())
    splits = [read_split(examples, name) for name in ("eval", "test")]
    rows = [cells for table in splits for cells in cells_of(table, contract)]
    labels = [label_places(table.texts[LABEL], settings.labels.names) for table in splits]
    parts = tuple(str(part) for table in splits for part in table.texts[PART])
    released = read_override(blessing)
    remarks = (released.text, *released.refused) if released is not None else ()
    price = Cost(**cost) if cost else None
    made_of = Sources(**sources)
    options = Options(version=version, release=release, sources=made_of, cost=price, remarks=remarks)

    def progress(share: float, text: str) -> None:
        context.progress(text, share)

    out = context.scratch / "conversion"
    shutil.rmtree(out, ignore_errors=True)
    held_out = HeldOut(rows, np.concatenate(labels), parts)
    made = convert_table(
        model / "saved_model", settings, contract, held_out, out, table_options(options, variants), progress
    )
    shutil.copytree(made.bundle, bundle, dirs_exist_ok=True)
    failed = [f"{one.id} {one.status}: {one.reason}" for one in made.variants if one.status != "passed"]
    properties = {"bundle": made.bundle_id, "chosen": made.chosen, "version": version, "release": release}
    return {"bundle": {**properties, "variants": json.dumps(list(made.rows)), "reasons": [made.why, *failed]}}
