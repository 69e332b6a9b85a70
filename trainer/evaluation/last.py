"""The last evaluation of a root, or that of a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.evaluation.answers import Predictions, read_predictions
from trainer.pipeline.cache import Store
from trainer.pipeline.runs import RunRecord, Runs

STEP, OUTPUT, METRICS = "Evaluator", "evaluation", "metrics.json"


@dataclass(frozen=True)
class Evaluation:
    """A ModelEvaluation in the store and the run that has it."""

    run: RunRecord
    folder: Path

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`. Raises ConfigError where it is gone."""
        return json_of(self.folder / METRICS)

    @property
    def predictions(self) -> Predictions:
        """The answers to the held-out parts. Raises ConfigError for an evaluation of an older version."""
        return read_predictions(self.folder)


def evaluation_of(root: Path, run: str = "") -> Evaluation:
    """Return the evaluation of a run; without one, of the newest run that got so far. Raises ConfigError."""
    runs = Runs(root)
    names = [run] if run else list(reversed(runs.names()))
    for name in names:
        record = runs.load(name)
        step = record.step(STEP)
        if step is not None and OUTPUT in step.outputs:
            folder = Store(root).path(step.outputs[OUTPUT])
            if not folder.is_dir():
                raise ConfigError(f"run {name}: its evaluation is not in the store any more; run the pipeline again")
            return Evaluation(record, folder)
    where = f"run {run}" if run else f"{root}"
    raise ConfigError(f"{where}: nothing was evaluated there; start with 'trainer pipeline run'")


def json_of(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ConfigError naming the file."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); run the pipeline again") from error
