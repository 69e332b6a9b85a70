"""A run of the pipeline that ends with the Tuner, and what it found."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline import recipes
from trainer.pipeline.driver import Driver
from trainer.pipeline.progress import Display
from trainer.pipeline.runs import Runs
from trainer.pipeline.selection import Selection
from trainer.request import Request
from trainer.run import run_pipeline
from trainer.tuning.hyperparameters import FILE

_STEP = "Tuner"


def tune_pipeline(request: Request, display: Display) -> dict[str, Any]:
    """Run up to the Tuner and return `run, metric, best, reasons, importance, trials, page`.

    Raises ConfigError where the settings want no trials, and as `run_pipeline` does.
    """
    _, chosen = recipes.load(request.recipe, request.assignments)
    if not chosen.tuner.trials:
        raise ConfigError(
            f"recipe {request.recipe} wants no trials; say under 'pipeline: tuner:' how many 'trials' and what to "
            "'search', or give --set tuner.trials=20 --set 'tuner.search={network.batch: [16, 32]}'"
        )
    result = run_pipeline(replace(request, selection=Selection(end=_STEP)), display)
    step = Runs(request.root).load(result["run"]).step(_STEP)
    digest = step.outputs["hyperparameters"] if step else ""
    driver = Driver(request.root)
    try:
        folder = driver.store.path(digest)
        made = next((entry.outputs["hyperparameters"] for entry in driver.index.made(digest)), None)
    finally:
        driver.close()
    return {
        "run": result["run"],
        "metric": chosen.tuner.metric,
        "best": json.loads((folder / FILE).read_text(encoding="utf-8")),
        "importance": json.loads((folder / "importance.json").read_text(encoding="utf-8")),
        "reasons": list(made.properties.get("reasons", [])) if made else [],
        "trials": str(folder / "trials.csv"),
        "page": str(folder / "trials.html"),
    }
