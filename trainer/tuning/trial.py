"""One trial: the task's own Trainer with a choice, in a process of its own, ended early where it is not worth it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable
from trainer.pipeline.epochs import epochs_of
from trainer.pipeline.executor import Executor
from trainer.pipeline.step import Step
from trainer.tuning.search import chosen_values
from trainer.tuning.study import Study


@dataclass(frozen=True)
class Training:
    """What every trial runs: the Trainer's function, its inputs, its parameters and what says where things are."""

    function: str
    inputs: Mapping[str, Path | None]
    values: Mapping[str, Any]
    places: Mapping[str, Any]
    metric: str
    minutes: float = 0.0


class _EndedEarly(Exception):
    """Leaves the training's report: `state` says how the trial ends."""

    def __init__(self, state: str, note: str) -> None:
        super().__init__(note)
        self.state = state


def run_trial(study: Study, trial: Any, training: Training, scratch: Path, said: Callable[[str, float], None]) -> None:
    """Train with the trial's choice and tell the study how it ended; `said` gets text and share of the trial.

    A choice that was broken off by a kill goes on from its checkpoint. Raises Rejected where the value that is sought
    cannot be measured at all.
    """
    folder = scratch / digest_bytes(canonical_json(trial.params))[:16]
    shutil.rmtree(folder / "model", ignore_errors=True)
    for name in ("model", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    follower = _Follower(study, trial, training, folder / "scratch", said)
    executor = Executor(folder / "log")
    try:
        paths = {**training.inputs, "warm_start": None, "model": folder / "model"}
        values = {**chosen_values(training.values, trial.params), **training.places}
        step = Step("trial", training.function, {}, {"model": "Model"})
        made = executor.run(step, paths, values, folder / "scratch", follower.look)
        follower.read()
        study.tell(trial, "complete", follower.value_at(int(made["model"].get("best_epoch", 0))), follower.epochs)
    except _EndedEarly as end:
        study.tell(trial, end.state, None, follower.epochs, str(end))
    except (Rejected, Unavailable, ConfigError) as error:
        if isinstance(error, _NoValue):
            raise
        study.tell(trial, "failed", None, follower.epochs, _one_line(error))
    finally:
        executor.stop()
        shutil.rmtree(folder / "model", ignore_errors=True)


class _NoValue(Rejected):
    """No trial can have the value that is sought."""


class _Follower:
    """Reads the epochs that a training writes, and ends it where the study or the clock says so."""

    def __init__(
        self, study: Study, trial: Any, training: Training, scratch: Path, said: Callable[[str, float], None]
    ) -> None:
        self._study, self._trial, self._training, self._scratch, self._said = study, trial, training, scratch, said
        self._values: dict[int, float] = {}
        self._began = time.monotonic()

    @property
    def epochs(self) -> int:
        """How many epochs were seen."""
        return len(self._values)

    def look(self, text: str, share: float | None) -> None:
        """Take the training's progress as a reason to look."""
        self._said(text, share or 0.0)
        self.read()
        limit = self._training.minutes
        if limit and time.monotonic() - self._began > 60 * limit:
            raise _EndedEarly("pruned", f"longer than {limit:g} minutes")

    def read(self) -> None:
        """Report the epochs that are new, in their order.

        The trial ends with the first one that is worse than the median, however many were trained by then: whoever is
        faster, the training or who watches it, the trials are the same.
        """
        for epoch in epochs_of(self._scratch):
            if epoch["number"] not in self._values:
                self._values[epoch["number"]] = value = self._value(epoch)
                if self._study.report(self._trial, epoch["number"], value):
                    raise _EndedEarly("pruned", f"worse than the median after epoch {epoch['number']}")

    def _value(self, epoch: Mapping[str, Any]) -> float:
        loss = epoch.get("eval_loss") if epoch.get("eval_loss") is not None else epoch.get("loss")
        value = epoch.get("auroc") if self._training.metric == "auroc" else loss
        if value is None:
            raise _NoValue(
                "no AUROC can be measured: the split eval has not both good and defective parts; "
                "add parts, or give --set tuner.metric=loss"
            )
        return float(value)

    def value_at(self, best_epoch: int) -> float:
        """Return the value of the epoch whose weights were kept."""
        if not self._values:
            raise Rejected("the training wrote of no epoch; tell the makers of its Trainer")
        return self._values.get(best_epoch, self._values[max(self._values)])


def _one_line(error: LinesideError) -> str:
    return " ".join(str(error).split())[:300]
