"""The trials so far and which comes next: optuna's study in a file that outlives a kill."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

_FEW, _WARM_UP = 4, 1
_NOTE, _EPOCHS = "note", "epochs"


@dataclass(frozen=True)
class Row:
    """A finished trial: its number from 1, `complete`, `pruned` or `failed`, its value, epochs, choice and why."""

    number: int
    state: str
    value: float | None
    epochs: int
    choice: dict[str, Any]
    note: str


class Study:
    """A study below `folder`. Which choice is made next depends on seed and finished trials alone.

    `search` maps a key to `{low, high, log, whole}` or to a list of values.
    """

    def __init__(
        self, folder: Path, search: Mapping[str, Any], maximise: bool, seed: int, prune: bool, parallel: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        few = optuna.pruners.MedianPruner(n_startup_trials=_FEW, n_warmup_steps=_WARM_UP)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
            study_name="tuner",
            direction="maximize" if maximise else "minimize",
            pruner=few if prune else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        self._space = {key: _distribution(span) for key, span in search.items()}
        self._seed, self._parallel, self._guard = seed, parallel, threading.Lock()
        self._again = [self._given_up(trial) for trial in self._study.trials if trial.state is TrialState.RUNNING]

    def _given_up(self, trial: Any) -> dict[str, Any]:
        """Close a trial whose process was killed; return its choice, which is tried again."""
        self._study.tell(trial.number, state=TrialState.FAIL)
        return dict(trial.params)

    def ask(self, limit: int) -> Any | None:
        """Return the next trial, None when `limit` have been begun."""
        with self._guard:
            begun = self._counted()
            if len(begun) >= limit:
                return None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler = optuna.samplers.TPESampler(
                    seed=self._seed * 10_007 + len(begun), n_startup_trials=_FEW, constant_liar=self._parallel > 1
                )
                self._study.sampler = sampler
                if self._again:
                    self._study.enqueue_trial(self._again.pop(0))
            return self._study.ask(self._space)

    def _counted(self) -> list[Any]:
        """Return the trials that count: all but those whose process was killed, which said nothing."""
        quiet = (TrialState.FAIL,)
        return [one for one in self._study.trials if one.state not in quiet or _NOTE in one.user_attrs]

    def report(self, trial: Any, epoch: int, value: float) -> bool:
        """Note what an epoch showed; return whether the trial is not worth going on with."""
        with self._guard:
            trial.report(value, epoch)
            return bool(trial.should_prune())

    def tell(self, trial: Any, state: str, value: float | None, epochs: int, note: str = "") -> None:
        """End a trial: `complete`, `pruned` or `failed`."""
        with self._guard:
            trial.set_user_attr(_NOTE, note)
            trial.set_user_attr(_EPOCHS, epochs)
            self._study.tell(trial, value if state == "complete" else None, state=_STATES[state])

    def rows(self) -> list[Row]:
        """Return all finished trials in order; those that were killed and tried again are left out."""
        names = {state: name for name, state in _STATES.items()}
        with self._guard:
            ended = [one for one in self._counted() if one.state in names]
        return [
            Row(number, names[one.state], one.value, int(one.user_attrs[_EPOCHS]), one.params, one.user_attrs[_NOTE])
            for number, one in enumerate(ended, 1)
        ]

    def importance(self) -> dict[str, float]:
        """Return how much of the value's spread each key explains; empty where too few trials are complete."""
        complete = [one for one in self._study.trials if one.state is TrialState.COMPLETE]
        if len(complete) < _FEW or len({one.value for one in complete}) == 1:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        return {name: round(float(share), 4) for name, share in found.items()}


_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def _distribution(span: Any) -> BaseDistribution:
    if not isinstance(span, Mapping):
        return CategoricalDistribution(list(span))
    if span["whole"]:
        return IntDistribution(int(span["low"]), int(span["high"]), log=span["log"])
    return FloatDistribution(float(span["low"]), float(span["high"]), log=span["log"])
