"""Several runs of a root beside each other: settings and data that differ, metrics, seconds, paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.errors import Rejected
from trainer.evaluation.comparison import Judging, compare, differing
from trainer.evaluation.last import Evaluation, evaluation_of
from trainer.evaluation.plain import finite
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry
from trainer.pipeline.key import flat
from trainer.pipeline.runs import RunRecord

_DERIVED = ("Pusher", "origin")
"""A digest of what stands there anyway."""
_FIGURES = ("escape", "overkill", "review", "cost")


def comparison_of(root: Path, names: Sequence[str]) -> dict[str, Any]:
    """Compare the runs; the first is what the others are measured against.

    Raises Rejected for fewer than two, ConfigError for a run that is unknown or was not evaluated.
    """
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise Rejected("name at least two different runs; 'trainer pipeline status' lists them")
    found = [evaluation_of(root, name) for name in names]
    driver = Driver(root)
    try:
        entries = [_entries(driver, one.run) for one in found]
    finally:
        driver.close()
    common = [step for step in entries[0] if all(step in one for one in entries)]
    made = [_made({step: one[step] for step in common}) for one in entries]
    columns = [_column(one) for one in found]
    return {
        "runs": list(names),
        "settings": differing([settings for settings, _ in made]),
        "data": differing([data for _, data in made]),
        "metrics": columns,
        "own": own_figures([one.metrics.get("own") or {} for one in found]),
        "seconds": {step: [one.get(step) for one in map(_seconds, found)] for step in _steps(found)},
        "paired": [_paired(found[0], one) for one in found[1:]],
    }


def _entries(driver: Driver, record: RunRecord) -> dict[str, Entry]:
    found = {step.name: driver.index.find(step.key) for step in record.steps if step.key}
    return {name: entry for name, entry in found.items() if entry is not None}


def _made(entries: Mapping[str, Entry]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run's settings as its steps had them, with code and libraries, and what the data consisted of.

    Each step has the recipe as far as it concerns it; the last one that says something of a key is believed.
    """
    settings: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for step, entry in entries.items():
        for name, value in flat(entry.parts.parameters).items():
            if (step, name) == _DERIVED:
                continue
            settings[name if name.startswith("recipe.") else f"{step}.{name}"] = value
        settings[f"{step}.code"] = entry.parts.code_digest[:12]
        settings[f"{step}.libraries"] = entry.parts.environment_digest[:12]
        if step == "ExampleGen":
            data = {"digest": entry.parts.inputs.get("data", "")[:12]}
            numbers = next(iter(entry.outputs.values())).properties
            data |= {name: value for name, value in numbers.items() if isinstance(value, int)}
    return settings, data


def _column(one: Evaluation) -> dict[str, Any]:
    metrics = one.metrics
    part, at_work = metrics["part"], metrics["inspection"]
    parts = part["defective"] + part["good"]
    ranking = {"value": part["auroc"], "low": part["auroc_low"], "high": part["auroc_high"], "n": parts}
    figures = {name: at_work[name] for name in _FIGURES if at_work.get(name)}
    thresholds = {name: metrics["thresholds"][name] for name in ("accept_below", "reject_above", "evidence")}
    return {"run": one.run.run, "blessed": metrics["blessed"], "AUROC": ranking, **figures, "thresholds": thresholds}


def own_figures(runs: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """Return the users' own figures by name, a value a run; None where a run has none of that name. Rule only."""
    return {name: [one.get(name) for one in runs] for name in dict.fromkeys(name for one in runs for name in one)}


def _steps(found: Sequence[Evaluation]) -> list[str]:
    return list(dict.fromkeys(step.name for one in found for step in one.run.steps))


def _seconds(one: Evaluation) -> dict[str, float]:
    return {step.name: round(step.seconds, 1) for step in one.run.steps}


def _paired(first: Evaluation, second: Evaluation) -> dict[str, Any]:
    judged = [_judging(one) for one in (first, second)]
    found = compare(judged[0], judged[1])
    answer: dict[str, Any] = finite(asdict(found))
    return {"run": second.run.run, "against": first.run.run, **answer, "text": found.text}


def _judging(one: Evaluation) -> Judging:
    metrics = one.metrics
    parts = one.predictions.test.by_part(metrics["combine"])
    return Judging(parts, ThresholdPair.model_validate(metrics["thresholds"]))


def write_comparison(found: Mapping[str, Any], target: Path) -> None:
    """Write the comparison as one HTML page that needs nothing else."""
    from trainer.reports.rendering import environment

    page = environment().get_template("compare.html").render(found=found, figures=("AUROC", *_FIGURES))
    write_atomically(target, page.encode())
