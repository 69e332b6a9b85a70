"""ServingExampleGen: pictures that production has seen, as Examples of the one split `serving`; labels are not needed.

A column of the table that is named as a quality measure holds what the station measured itself, and wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.quality import QUALITY_FEATURES
from edge_agent.contracts.recipe import Recipe
from trainer.components.example_gen import example_of, read_all, without_repeats
from trainer.data.examples import Example, write_shard
from trainer.data.quarantine import check_bad
from trainer.pipeline.step import Context

SPLIT = "serving"
_SHARD = 1000


def serving_gen(
    data: Path, examples: Path, recipe: Mapping[str, Any], max_bad: float, folders: Sequence[str], context: Context
) -> dict[str, Any]:
    """Read the pictures of `data/listing.json` and write them as Examples. Raises Rejected as ExampleGen does."""
    settings = Recipe.model_validate(recipe)
    listing = json.loads((data / "listing.json").read_text(encoding="utf-8"))
    rows = without_repeats(listing["rows"])
    roots = [Path(folder).resolve() for folder in folders]
    bad: list[dict[str, Any]] = list(listing["bad"])
    good = 0
    for number, start in enumerate(range(0, len(rows), _SHARD)):
        piece = rows[start : start + _SHARD]
        found: list[Example] = []
        for row, one in zip(piece, read_all(piece, roots, settings), strict=True):
            if isinstance(one, str):
                bad.append({"folder": row["folder"], "path": row["image"], "sha256": row["sha256"], "reason": one})
            else:
                found.append(_measured(example_of(row, one, settings), row.get("extra", {})))
        context.progress(f"{start + len(piece)} of {len(rows)} pictures", (start + len(piece)) / len(rows))
        path = examples / f"Split-{SPLIT}" / f"data_tfrecord-{number:05d}-of-{-(-len(rows) // _SHARD):05d}"
        write_shard(found, path)
        good += len(found)
    check_bad(bad, len(rows) + len(listing["bad"]), max_bad, good)
    (examples / "quarantine.json").write_text(json.dumps(bad, indent=0, sort_keys=True), encoding="utf-8")
    return {"examples": {"split_names": json.dumps([SPLIT]), "pictures_serving": good, "quarantined": len(bad)}}


def _measured(example: Example, extra: Mapping[str, str]) -> Example:
    """Return the example with the measures that the table gives as numbers in place of its own."""
    values = dict(zip(QUALITY_FEATURES, example.quality, strict=True))
    for name in QUALITY_FEATURES:
        try:
            values[name] = float(extra[name])
        except (KeyError, ValueError):
            continue
    return replace(example, quality=tuple(values[name] for name in QUALITY_FEATURES))
