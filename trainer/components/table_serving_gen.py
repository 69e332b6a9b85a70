"""ServingExampleGen of tables: rows of production as Examples of the one split `serving`, without labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.components.serving_gen import SPLIT
from trainer.pipeline.step import Context
from trainer.tabular.collecting import collected, read_listed
from trainer.tabular.examples import read_columns, write_split
from trainer.tabular.values import LABEL, Layout, Typed, layout_of


def table_serving_gen(
    data: Path,
    training: Path,
    examples: Path,
    table: Mapping[str, Any],
    max_bad: float,
    places: Sequence[str],
    context: Context,
) -> dict[str, Any]:
    """Read the files that `data/listing.json` names and write their rows as Examples.

    Columns are what they are in the Examples `training`; one that they lack stays missing, and others are taken as they
    look. Raises Rejected as ExampleGen does, but for the label, which is not looked at.
    """
    listing = json.loads((data / "listing.json").read_text(encoding="utf-8"))
    files = read_listed(listing["files"], places, table, context.progress)
    known = read_columns(training)
    found = collected(files, lambda columns: _layout(layout_of(table), columns, known), max_bad)
    write_split(_without_label(found.table), examples, SPLIT)
    entries = [vars(row) for row in found.bad]
    (examples / "quarantine.json").write_text(json.dumps(entries, indent=0, sort_keys=True), encoding="utf-8")
    reasons = [*([f"{len(found.bad)} rows quarantined"] if found.bad else []), *found.remarks]
    counts = {"pictures_serving": len(found.usable), "quarantined": len(found.bad), "reasons": reasons}
    return {"examples": {"split_names": json.dumps([SPLIT]), **counts}}


def _layout(asked: Layout, columns: Mapping[str, Any], training: Mapping[str, Sequence[str]]) -> Layout:
    """Return the layout for these columns: kinds as in training, no label, and of the roles those that are there.

    Raises Rejected where none of the model's columns is there.
    """
    numbers, texts = (set(training[name]) & set(columns) for name in ("numbers", "texts"))
    if not numbers | texts:
        raise Rejected(
            f"production has none of the columns {', '.join([*training['numbers'], *training['texts']][:5])}"
        )
    kinds = {**dict.fromkeys(sorted(numbers), "number"), **dict.fromkeys(sorted(texts), "text")}
    there = {name: value if (value := getattr(asked, name)) in columns else "" for name in ("part", "time", "split")}
    lists = {name: tuple(one for one in getattr(asked, name) if one in columns) for name in ("slices", "ignore")}
    lists["ignore"] = (*lists["ignore"], *({asked.label, LABEL} & set(columns)))
    return replace(asked, label="", kinds=kinds, **there, **lists)  # type: ignore[arg-type]


def _without_label(table: Typed) -> Typed:
    """A label is none: an empty text is a missing value."""
    count = len(next(iter(table.texts.values())))
    return replace(table, texts={**table.texts, LABEL: np.full(count, "", object)})
