"""The publisher: runs one step in a worker, and keeps what it made.

In this order, so that a crash between any two leaves nothing half true: the index notes the digests of what is to come;
staged files are synced and renamed into the store; ML Metadata records the execution as complete; the index learns the
key. A run that finds a dead one's note finishes its work if all lies in the store, so that nothing is published twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import LinesideError, Unavailable
from trainer.pipeline.cache import tree_digest
from trainer.pipeline.driver import Driver, Plan, code_of
from trainer.pipeline.executor import Executor, Report
from trainer.pipeline.index import Begun, Entry, Stored
from trainer.pipeline.lock import file_lock
from trainer.pipeline.metadata import Metadata
from trainer.pipeline.runs import Runs
from trainer.pipeline.space import check_room
from trainer.pipeline.steady import SteadyCode
from trainer.pipeline.step import Artifact, Properties

Clock = Callable[[], float]
"""Seconds since 1970."""


class Publisher:
    """Executes the steps of one run. ML Metadata is opened when the first one must run."""

    def __init__(
        self, driver: Driver, pipeline: str, run: str, clock: Clock, code: SteadyCode, metadata_url: str = ""
    ) -> None:
        self._driver, self._pipeline, self._run, self._clock = driver, pipeline, run, clock
        self._code, self._url = code, metadata_url
        self._metadata: Metadata | None = None
        self._guard = threading.Lock()

    def execute(self, planned: Plan, executor: Executor, report: Report) -> dict[str, Artifact]:
        """Run the planned step; return its published outputs. Raises what the step raises."""
        step, index = planned.step, self._driver.index
        self._check_room(planned)
        executor.start()
        metadata = self._opened()
        parameters = planned.parts.parameters
        execution = metadata.begin(step, planned.inputs, planned.key, self._pipeline, self._run, parameters)
        index.started(execution, step.name, self._run, planned.key)
        started = self._clock()
        try:
            staged, made = self._call(planned, executor, report)
            outputs = {
                name: self._artifact(kind, staged[name], made.get(name, {})) for name, kind in step.outputs.items()
            }
            entry = self._entry(planned, outputs, started)
            index.stored(execution, entry)
            self._publish(staged, outputs)
        except LinesideError:
            self._driver.store.unstage(f"{step.name}.")
            with suppress(Unavailable):  # on a full disk the next run notes it
                metadata.fail(execution)
                index.ended(execution)
            raise
        self._finish(execution, planned.key, entry)
        return outputs

    def _check_room(self, planned: Plan) -> None:
        former = self._driver.index.latest(planned.step.name)
        paths = [self._driver.store.path(stored.digest) for stored in former.outputs.values()] if former else []
        check_room(planned.step.name, paths, self._driver.root, planned.likely)

    def _artifact(self, kind: str, staged: Path, properties: Properties) -> Artifact:
        digest = tree_digest(staged)
        return Artifact(kind, digest, self._driver.store.path(digest), properties)

    def _entry(self, planned: Plan, outputs: dict[str, Artifact], started: float) -> Entry:
        now = self._clock()
        stored = {name: Stored(a.type, a.digest, dict(a.properties)) for name, a in outputs.items()}
        return Entry(planned.step.name, planned.parts, stored, self._run, now - started, int(now * 1000))

    def _finish(self, execution: int, key: str, entry: Entry) -> None:
        outputs = {name: self._driver.artifact(stored) for name, stored in entry.outputs.items()}
        self._opened().complete(execution, outputs)
        self._driver.index.add(key, entry)
        self._driver.index.ended(execution)
        self._driver.store.drop_scratch(key)

    def _call(self, planned: Plan, executor: Executor, report: Report) -> tuple[dict[str, Path], dict[str, Properties]]:
        step = planned.step
        staged = {name: self._driver.store.stage(f"{step.name}.{name}") for name in step.outputs}
        inputs = {name: artifact.path if artifact else None for name, artifact in planned.inputs.items()}
        values: dict[str, Any] = {**planned.parts.parameters, **step.locations}
        scratch = self._driver.store.scratch_folder(planned.key)
        made = executor.run(step, {**inputs, **staged}, values, scratch, report)
        self._code.check(step.name, code_of(step, self._driver.imports).files)
        return staged, made

    def _publish(self, staged: dict[str, Path], outputs: dict[str, Artifact]) -> None:
        with self._driver.using():
            for name, artifact in outputs.items():
                self._driver.store.publish(staged[name], artifact.digest)
            self._driver.index.pin(self._run, [artifact.digest for artifact in outputs.values()])

    def recover(self, held: str = "") -> None:
        """Clear up after killed runs: finish what they had made, cancel what they had begun, drop what they staged.

        `held` is a key whose lock the caller holds: nobody alive works on it, whatever is noted.
        """
        self._driver.store.sweep()
        index, runs = self._driver.index, Runs(self._driver.root)
        with file_lock(self._driver.store.locks / "recover"):
            for begun in index.orphans():
                if (held and begun.key == held) or not runs.is_alive(begun.run):
                    self._recover(begun)
            for run in index.pins():
                if not runs.is_alive(run):
                    index.unpin(run)

    def _recover(self, begun: Begun) -> None:
        entry = begun.entry
        if entry and begun.key and all(self._driver.store.holds(s.digest) for s in entry.outputs.values()):
            self._finish(begun.execution, begun.key, entry)
            return
        self._opened().fail(begun.execution, cancelled=True)
        self._driver.index.ended(begun.execution)

    def _opened(self) -> Metadata:
        with self._guard:
            if self._metadata is None:
                self._metadata = Metadata(self._driver.root, self._url)
            return self._metadata
