"""The way from a trained model for tables to a bundle: as for pictures, but without pictures to decode and lint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.baseline import build_baseline
from converter.contents import Evidence, expected_at, scored_by_all
from converter.convert import Conversion, Options, Progress, Steps, finish, judge_all, load, question_of, silent
from converter.evaluate import Truth
from converter.formats.tflite import INTEGER, VARIANTS
from converter.golden import MAX_CASES, candidates
from converter.pack import GoldenPicture, Release
from converter.provenance import sources_of
from converter.variants import Place, make
from converter.workplace import workplace
from converter.workshop import Workshop
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.measures import CONFIDENCE, SCORE
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import Row, RowContract, row_input
from edge_agent.contracts.scores import probabilities

FLOATS = tuple(variant for variant in VARIANTS if variant not in INTEGER)
"""The variants of a model for tables: the columns of a row share one tensor, and so would share one int8 scale."""
_LOADED, _MADE = 0.45, 0.7
_LONGEST_NAME = 64


@dataclass(frozen=True)
class HeldOut:
    """Rows that did not train the model: their cells by column, class index (n,) and part of each."""

    rows: Sequence[Row]
    labels: npt.NDArray[np.int64]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What a bundle holds of a table: the input contract, and of the held-out rows golden cases and a baseline.

    `inputs` are the held-out rows as the graph takes them, (n, columns) float32.
    """

    row: RowContract
    inputs: npt.NDArray[np.float32]

    def golden(self, evidence: Evidence, chosen: str, temperatures: dict[str, float]) -> list[GoldenPicture]:
        """Return the self-test: rows of every label that the chosen variant classifies rightly."""
        scored, strides, places = scored_by_all(evidence, list(temperatures))
        said = np.argmax(scored[chosen][[place // strides[chosen] for place in places]], axis=1)
        kept = candidates(evidence.truth.labels[places], said, MAX_CASES)
        names = evidence.recipe.labels.names
        return [
            GoldenPicture(
                f"{number:02d}-{names[evidence.truth.labels[places[k]]]}",
                canonical_json(self._cells(evidence.test[places[k]])),
                names[evidence.truth.labels[places[k]]],
                expected_at(places[k], scored, strides, temperatures),
            )
            for number, k in enumerate(kept, 1)
        ]

    def _cells(self, row: Row) -> dict[str, Any]:
        """Return the row as JSON can hold it: a missing number is null."""
        cells = {column.name: row[column.name] for column in self.row.columns}
        return {n: None if isinstance(v, float) and math.isnan(v) else v for n, v in cells.items()}

    def baseline(self, evidence: Evidence, chosen: str) -> Any:
        """Return the histograms of the numbers, of score and confidence; a missing number counts as the mean."""
        report = evidence.report(chosen)
        assert report.worth is not None
        stride = report.run.stride if report.run else 1
        shares = probabilities(evidence.scores(chosen)["logits"], report.worth.temperature)
        numbers = [k for k, column in enumerate(self.row.columns) if column.kind == "number"]
        values = np.asarray(self.inputs[::stride][:, numbers], np.float64)
        filled = [_filled(values[:, k]) for k in range(len(numbers))]
        table = np.stack([*filled, 1 - shares[:, 0], shares.max(axis=1)], axis=1)
        names = [self.row.columns[k].name[:_LONGEST_NAME] for k in numbers]
        recipe, parts = evidence.recipe, evidence.truth.every(stride).parts
        window = recipe.monitoring.window_parts
        return build_baseline([*names, SCORE, CONFIDENCE], table, parts, recipe.labels.names, window)


def _filled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), float(known.mean()) if len(known) else 0.0, values)


def convert_table(
    model: Path,
    recipe: Recipe,
    contract: RowContract,
    held_out: HeldOut,
    out: Path,
    options: Options | None = None,
    progress: Progress = silent,
) -> Conversion:
    """Convert the SavedModel folder `model` (one input `row`) and write `out/bundle` and the archive beside it.

    Raises as `converter.convert.convert`; ConfigError for an integer variant too.
    """
    options = options or Options(variants=FLOATS)
    integer = [variant for variant in options.variants if variant not in FLOATS]
    if integer:
        raise ConfigError(
            f"variant '{integer[0]}' is not made of a model for tables, whose columns would share one int8 scale; "
            f"choose from {', '.join(FLOATS)}"
        )
    if not held_out.rows:
        raise Rejected("EMPTY_TEST: no held-out rows, so nothing can be measured; hold some parts out")
    with workplace(out) as work:
        return _convert(model, recipe, contract, held_out, out, work, options, progress)


def _convert(
    model: Path,
    recipe: Recipe,
    contract: RowContract,
    held_out: HeldOut,
    out: Path,
    work: Path,
    options: Options,
    progress: Progress,
) -> Conversion:
    place, truth = Place(work), Truth(held_out.labels, held_out.parts)
    inputs = np.stack([row_input(row, contract) for row in held_out.rows])
    np.save(place.test, inputs)
    with Workshop(work / "log") as workshop:
        progress(0.0, "loading the model")
        load(workshop, model, place, (contract.shape[1],), recipe.labels.names)
        step = Steps(progress, _LOADED, _MADE, len(options.variants), "converting, done: ")
        answers = make(workshop, place, options.variants, (), (), step.done)
    question = question_of(place, truth, recipe, options)
    reports = tuple(judge_all(place, answers, question, options.variants, progress))
    kind = Table(contract, inputs)
    given = (options.device_class, options.cost, options.remarks, kind)
    evidence = Evidence(recipe, held_out.rows, truth, question.source, reports, (), work, *given)
    sources = options.sources or sources_of(model, "0" * 64)
    release = Release(options.name or recipe.name, options.version, options.release, sources)
    return finish(out, evidence, release, progress, "0" * 64)


def table_options(options: Options, variants: str) -> Options:
    """Return the options with the comma-separated `variants`; "" means all that tables have."""
    named = tuple(dict.fromkeys(v.strip() for v in variants.split(",") if v.strip()))
    return replace(options, variants=named or FLOATS)
