"""What is told of the steps of a run while it goes on: in its record and on the display, from several threads."""

from __future__ import annotations

import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.progress import Display
from trainer.pipeline.runs import RunRecord, Runs, StepRecord, in_short
from trainer.pipeline.step import Artifact

_BLESSING = "ModelBlessing"


@dataclass
class StepLog:
    """The record's steps stay in the graph's `order`, whichever began first."""

    record: RunRecord
    runs: Runs
    display: Display
    order: list[str] = field(default_factory=list)
    interrupted: bool = False
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _shown: set[str] = field(default_factory=set)

    def begin(self, step: str) -> StepRecord:
        """Note that a step's turn has come."""
        with self._guard:
            entry = StepRecord(step, "running")
            self.record.steps.append(entry)
            self.record.steps.sort(key=lambda one: self.order.index(one.name))
            return entry

    def running(self, step: str, text: str = "") -> None:
        """Tell that it must run, or what it waits for."""
        with self._guard:
            if step not in self._shown:
                self._shown.add(step)
                self.runs.save(self.record)
                self.display.begin(step, text)
            elif text:
                self.display.progress(step, text, None)

    def progress(self, step: str, text: str, done: float | None) -> None:
        """Tell what it is doing."""
        with self._guard:
            self.display.progress(step, text, done)

    def end(
        self, entry: StepRecord, status: str, outputs: dict[str, Artifact], remark: str = ""
    ) -> dict[str, Artifact]:
        """Note how it ended, and return its outputs."""
        said = "; ".join(reason for artifact in outputs.values() for reason in _told(artifact))
        with self._guard:
            entry.status = status
            entry.remark = "interrupted" if self.interrupted and status == "failed" else remark or said
            entry.outputs = {name: artifact.digest for name, artifact in outputs.items()}
            with suppress(Unavailable) if status == "failed" else nullcontext():
                self.runs.save(self.record)
            self.display.end(entry.name, status, entry.seconds, entry.remark)
        return outputs


def _told(artifact: Artifact) -> list[str]:
    """Return what is told of an output; of a blessing in short, for the run's end lists all reasons."""
    reasons = artifact.reasons
    return [in_short(reasons)] if artifact.type == _BLESSING and reasons else reasons
