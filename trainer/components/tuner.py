"""Tuner: many short trainings with other hyper-parameters; the best ones go to the Trainer."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Rejected
from trainer.pipeline.step import Context
from trainer.tuning.hyperparameters import FILE


def tuner(
    hyperparameters: Path,
    function: str,
    values: Mapping[str, Any],
    search: Mapping[str, Any],
    trials: int,
    metric: str,
    prune: bool,
    seed: int,
    minutes: float,
    trial_minutes: float,
    parallel: int,
    places: Mapping[str, Any],
    context: Context,
    **inputs: Path | None,
) -> dict[str, Any]:
    """Write the best choice (`hyperparameters.json`), `trials.csv`, `importance.json` and a page of the trials.

    `function` is the task's Trainer, `values` its parameters, `inputs` its inputs. `parallel` trials run at once, each
    in its own process; with one, the same seed gives the same trials. The study lies in the scratch folder, so that a
    killed step goes on; no trial begins after `minutes` (0 = no limit). Raises Rejected when no trial was completed.
    """
    from trainer.reports.trials import write_page
    from trainer.tuning.study import Study
    from trainer.tuning.table import PAGE, TABLE, best_of, write_table
    from trainer.tuning.trial import Training, run_trial

    maximise = metric == "auroc"
    study = Study(context.scratch / "study", search, maximise, seed, prune, parallel)
    training = Training(function, inputs, values, places, metric, trial_minutes)
    shown = _Shown(context, trials)
    end = time.monotonic() + 60 * minutes if minutes else float("inf")

    def work() -> None:
        while time.monotonic() < end and (trial := study.ask(trials)) is not None:
            with shown.one(trial.number) as said:
                run_trial(study, trial, training, context.scratch / "trials", said)
            shown.ended(len(study.rows()), best_of(study.rows(), maximise))

    with ThreadPoolExecutor(parallel) as pool:
        for future in [pool.submit(work) for _ in range(parallel)]:
            future.result()
    rows = study.rows()
    best = best_of(rows, maximise)
    if best is None:
        raise Rejected(f"none of {len(rows)} trials was completed; the first: {rows[0].note if rows else 'no time'}")
    (hyperparameters / FILE).write_text(json.dumps(best.choice, indent=1, sort_keys=True), encoding="utf-8")
    importance = study.importance()
    (hyperparameters / "importance.json").write_text(json.dumps(importance, indent=1), encoding="utf-8")
    write_table(rows, hyperparameters / TABLE)
    write_page(rows, importance, metric, maximise, hyperparameters / PAGE)
    chosen = ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in best.choice.items()
    )
    remark = f"trial {best.number} of {len(rows)}: {metric} {best.value:.3f} with {chosen}"
    pruned = sum(row.state == "pruned" for row in rows)
    facts = {"trials": len(rows), "pruned": pruned, "best_trial": best.number, "value": best.value}
    return {"hyperparameters": {**facts, "reasons": [remark]}}


class _Shown:
    """The progress of all trials as one line and one share."""

    def __init__(self, context: Context, trials: int) -> None:
        self._context, self._trials, self._guard = context, trials, threading.Lock()
        self._running: dict[int, float] = {}
        self._ended, self._best = 0, ""

    def one(self, number: int) -> _OneShown:
        """Return what shows a trial while it runs."""
        return _OneShown(self, number)

    def begin(self, number: int) -> None:
        with self._guard:
            self._running[number] = 0.0

    def said(self, number: int, text: str, share: float) -> None:
        with self._guard:
            self._running[number] = share
            done = (self._ended + sum(self._running.values())) / self._trials
            self._context.progress(f"{self._ended} of {self._trials} trials ended{self._best}; {text}", min(done, 1.0))

    def left(self, number: int) -> None:
        with self._guard:
            del self._running[number]

    def ended(self, count: int, best: Any) -> None:
        """Remember how many trials ended and what the best one has."""
        with self._guard:
            self._ended, self._best = count, f", best {best.value:.3f}" if best else ""
            self._context.progress(f"{count} of {self._trials} trials ended{self._best}", count / self._trials)


class _OneShown:
    def __init__(self, shown: _Shown, number: int) -> None:
        self._shown, self._number = shown, number

    def __enter__(self) -> Any:
        self._shown.begin(self._number)
        return lambda text, share: self._shown.said(self._number, text, share)

    def __exit__(self, *_error: object) -> None:
        self._shown.left(self._number)
