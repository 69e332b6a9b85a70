"""Converter: the blessed model becomes a bundle of measured variants; conversions run in child processes."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer.components.conversion import as_trained, emptied, options_of, take
from trainer.components.example_gen import PICTURES
from trainer.pipeline.step import Context


def converter(
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
    """Convert, measure, choose and pack.

    Training pictures calibrate the integer variants, held-out ones (eval and test) say what each variant is worth;
    both are read from their original files in `folders`. Raises Rejected when no variant passes.
    """
    from converter.convert import convert

    settings = as_trained(recipe, model)
    calibration, held_out = context.scratch / "calibration.csv", context.scratch / "held-out.csv"
    write_table(examples, folders, ("train",), calibration)
    write_table(examples, folders, ("eval", "test"), held_out)
    options = replace(options_of(blessing, version, release, sources, cost), force=force)
    if variants:
        options = replace(options, variants=tuple(name.strip() for name in variants.split(",")))

    def progress(share: float, text: str) -> None:
        context.progress(text, share)

    out = emptied(context.scratch)
    made = convert(model / "saved_model", settings, calibration, held_out, out, options, progress)
    return take(made, bundle, version, release)


def write_table(examples: Path, folders: Sequence[str], splits: Sequence[str], target: Path) -> None:
    """Write a `labels.csv`-like table of the splits' original pictures, by absolute path."""
    used = json.loads((examples / f"{PICTURES}.json").read_text(encoding="utf-8"))
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("image", "part", "label"))
        for row in used:
            if row["split"] in splits:
                table.writerow((str(Path(folders[row["folder"]]).resolve() / row["image"]), row["part"], row["label"]))
