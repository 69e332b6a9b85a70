"""The driver and the publisher: which steps must run, running them, and keeping what they made.

A result is published in this order, so that a crash between any two leaves nothing half true: staged files are
synced and renamed into the store, ML Metadata records the execution as complete, the index learns the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import LinesideError
from trainer.pipeline.cache import Store
from trainer.pipeline.closure import Imports, code_closure
from trainer.pipeline.executor import Executor
from trainer.pipeline.graph import Graph
from trainer.pipeline.index import Entry, Index, Stored
from trainer.pipeline.key import Parts
from trainer.pipeline.metadata import Metadata
from trainer.pipeline.progress import Display
from trainer.pipeline.runs import RunRecord, Runs, StepRecord
from trainer.pipeline.step import Artifact, Known, Properties, Step

Clock = Callable[[], float]
"""Seconds since 1970."""


@dataclass(frozen=True)
class Plan:
    """A step with all that it depends on."""

    step: Step
    inputs: Mapping[str, Artifact | None]
    parts: Parts

    @property
    def key(self) -> str:
        """The cache key."""
        return self.parts.key


def plan(step: Step, known: Known, imports: Imports | None = None) -> Plan:
    """Gather a step's inputs, parameters, code and libraries. All of `step.inputs` must be known."""
    inputs: dict[str, Artifact | None] = {name: known[reference] for name, reference in step.inputs.items()}
    parameters = dict(step.parameters)
    if step.resolve is not None:
        resolved = step.resolve(known)
        inputs |= resolved.inputs
        parameters |= resolved.parameters
    closure = code_closure((step.module, *step.runs), imports, step.uses)
    digests = {name: artifact.digest if artifact else "" for name, artifact in sorted(inputs.items())}
    parts = Parts(step.function, digests, dict(step.outputs), parameters, closure.files, closure.libraries)
    return Plan(step, inputs, parts)


class Driver:
    """Looks results up, and nothing else: what `status` and `why` need."""

    def __init__(self, root: Path, imports: Imports | None = None) -> None:
        self.root = root
        self.store = Store(root)
        self.index = Index(root)
        self.imports = imports or Imports(root / "imports.json")

    def close(self) -> None:
        """Save what was learned and close the files."""
        self.imports.save()
        self.index.close()

    def cached(self, planned: Plan) -> dict[str, Artifact] | None:
        """Return the outputs made under the plan's key, if they are all there and whole."""
        entry = self.index.find(planned.key)
        if entry is None:
            return None
        for stored in entry.outputs.values():
            if not self.store.holds(stored.digest):
                self.store.evict(stored.digest)
                self.index.forget(planned.key)
                return None
        outputs = {name: self.artifact(stored) for name, stored in entry.outputs.items()}
        valid = planned.step.valid is None or planned.step.valid(outputs)
        return outputs if valid else None

    def artifact(self, stored: Stored) -> Artifact:
        """Return the artifact for what the index knows."""
        return Artifact(stored.type, stored.digest, self.store.path(stored.digest), stored.properties)


class Runner:
    """Runs a graph's steps in one root, under its lock, from first to last."""

    def __init__(
        self, driver: Driver, record: RunRecord, display: Display, clock: Clock, metadata_url: str = ""
    ) -> None:
        self._driver, self._record, self._display, self._clock = driver, record, display, clock
        self._runs = Runs(driver.root)
        self._metadata_url = metadata_url
        self._metadata: Metadata | None = None
        self._executor = Executor(self._runs.path(record.run) / "worker.log")

    def run(self, graph: Graph, sources: Known) -> dict[str, Artifact]:
        """Run what must run and return all artifacts, sources included. Raises the first step's error."""
        self._recover()
        known = dict(sources)
        try:
            for step in graph.steps:
                known |= {f"{step.name}.{name}": artifact for name, artifact in self._step(step, known).items()}
        finally:
            self._executor.stop()
            self._driver.store.clean()
        return known

    def _recover(self) -> None:
        """Clear up after a killed run: staged files, and executions that are still recorded as RUNNING."""
        self._driver.store.clean()
        for execution in self._driver.index.orphans():
            self._metadata_store().fail(execution, cancelled=True)
            self._driver.index.ended(execution)

    def _step(self, step: Step, known: Known) -> dict[str, Artifact]:
        record = StepRecord(step.name, "running")
        self._record.steps.append(record)
        why = _not_to_run(step, known)
        if why:
            return self._end(record, "skipped", {}, why)
        started = self._clock()
        planned = plan(step, known, self._driver.imports)
        record.key = planned.key
        outputs = self._driver.cached(planned)
        if outputs is not None:
            record.seconds = self._clock() - started
            return self._end(record, "cached", outputs)
        self._runs.save(self._record)
        self._display.begin(step.name)
        try:
            outputs = self._execute(planned)
        except (LinesideError, KeyboardInterrupt) as error:
            record.seconds = self._clock() - started
            self._end(record, "failed", {}, str(error) or "interrupted")
            raise
        record.seconds = self._clock() - started
        return self._end(record, "done", outputs)

    def _end(
        self, record: StepRecord, status: str, outputs: dict[str, Artifact], remark: str = ""
    ) -> dict[str, Artifact]:
        reasons = [reason for artifact in outputs.values() for reason in artifact.reasons]
        record.status, record.remark = status, remark or "; ".join(reasons)
        record.outputs = {name: artifact.digest for name, artifact in outputs.items()}
        self._runs.save(self._record)
        self._display.end(record.name, status, record.seconds, record.remark)
        return outputs

    def _execute(self, planned: Plan) -> dict[str, Artifact]:
        step, index, run = planned.step, self._driver.index, self._record.run
        self._executor.start()
        metadata = self._metadata_store()
        execution = metadata.begin(step, planned.inputs, planned.key, self._record.pipeline, run)
        index.started(execution, step.name, run)
        started = self._clock()
        try:
            outputs = self._publish(planned, self._call(planned))
        except (LinesideError, KeyboardInterrupt):
            metadata.fail(execution)
            index.ended(execution)
            raise
        metadata.complete(execution, outputs)
        made = {name: Stored(a.type, a.digest, dict(a.properties)) for name, a in outputs.items()}
        now = self._clock()
        index.add(planned.key, Entry(step.name, planned.parts, made, run, now - started, int(now * 1000)))
        index.ended(execution)
        self._driver.store.drop_scratch(planned.key)
        return outputs

    def _call(self, planned: Plan) -> tuple[dict[str, Path], dict[str, Properties]]:
        step = planned.step
        staged = {name: self._driver.store.stage(f"{step.name}.{name}") for name in step.outputs}
        inputs = {name: artifact.path if artifact else None for name, artifact in planned.inputs.items()}
        values: dict[str, Any] = {**planned.parts.parameters, **step.locations}
        scratch = self._driver.store.scratch_folder(planned.key)
        made = self._executor.run(
            step,
            {**inputs, **staged},
            values,
            scratch,
            lambda text, done: self._display.progress(step.name, text, done),
        )
        return staged, made

    def _publish(self, planned: Plan, result: tuple[dict[str, Path], dict[str, Properties]]) -> dict[str, Artifact]:
        staged, properties = result
        outputs = {}
        for name, kind in planned.step.outputs.items():
            digest = self._driver.store.publish(staged[name])
            outputs[name] = Artifact(kind, digest, self._driver.store.path(digest), properties.get(name, {}))
        return outputs

    def _metadata_store(self) -> Metadata:
        if self._metadata is None:
            self._metadata = Metadata(self._driver.root, self._metadata_url)
        return self._metadata


def _not_to_run(step: Step, known: Known) -> str:
    """Say why a step is skipped: an input that was not made, or one that was not blessed; "" when it shall run."""
    for reference in step.inputs.values():
        if reference not in known:
            return f"{reference} was not made"
        if not known[reference].blessed:
            return f"{reference} is not blessed"
    return ""
