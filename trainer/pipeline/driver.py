"""The driver: what a step depends on, and whether it was done before."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from trainer.pipeline.cache import Store
from trainer.pipeline.closure import Closure, Imports, code_closure
from trainer.pipeline.index import Index, Stored
from trainer.pipeline.key import Parts
from trainer.pipeline.lock import file_lock
from trainer.pipeline.step import Artifact, Known, Step


@dataclass(frozen=True)
class Plan:
    """A step with all that it depends on; `likely` as in `Resolved`."""

    step: Step
    inputs: Mapping[str, Artifact | None]
    parts: Parts
    likely: int = 0

    @property
    def key(self) -> str:
        """The cache key."""
        return self.parts.key


def plan(step: Step, known: Known, imports: Imports | None = None) -> Plan:
    """Gather a step's inputs, parameters, code and libraries. All of `step.inputs` must be known."""
    inputs: dict[str, Artifact | None] = {name: known[reference] for name, reference in step.inputs.items()}
    parameters = dict(step.parameters)
    likely = 0
    if step.resolve is not None:
        resolved = step.resolve(known)
        inputs |= resolved.inputs
        parameters |= resolved.parameters
        likely = resolved.likely
    closure = code_of(step, imports)
    digests = {name: artifact.digest if artifact else "" for name, artifact in sorted(inputs.items())}
    parts = Parts(step.function, digests, dict(step.outputs), parameters, closure.files, closure.libraries)
    return Plan(step, inputs, parts, likely)


def code_of(step: Step, imports: Imports | None) -> Closure:
    """Return the code that a step consists of, as it lies on the disk now."""
    return code_closure((step.module, *step.runs), imports, step.uses)


def not_to_run(step: Step, known: Known) -> str:
    """Say why a step is skipped: an input that was not made, or one that was not blessed; "" when it shall run."""
    for reference in step.inputs.values():
        if reference not in known:
            return f"{reference} was not made"
        if not known[reference].blessed:
            return f"{reference} is not blessed"
    return ""


class Driver:
    """Looks results up, and nothing else: what `status` and `why` need."""

    def __init__(self, root: Path, imports: Imports | None = None) -> None:
        self.root = root
        self.store = Store(root)
        self.index = Index(root)
        self.imports = imports or Imports(root / "imports.json")

    def close(self) -> None:
        """Save what was learned, remove what was staged and close the files."""
        self.imports.save()
        self.store.clean()
        self.index.close()

    def cached(self, planned: Plan) -> dict[str, Artifact] | None:
        """Return the outputs made under the plan's key, if they are all there and whole."""
        entry = self.index.find(planned.key)
        if entry is None or not all(self.store.holds(stored.digest) for stored in entry.outputs.values()):
            return None
        outputs = {name: self.artifact(stored) for name, stored in entry.outputs.items()}
        valid = planned.step.valid is None or planned.step.valid(outputs)
        return outputs if valid else None

    def evict(self, planned: Plan) -> None:
        """Throw damaged content of the plan's key out; to be called under the key's lock."""
        entry = self.index.find(planned.key)
        for stored in entry.outputs.values() if entry else ():
            if not self.store.holds(stored.digest):
                self.store.evict(stored.digest)
                self.index.forget(planned.key)

    def artifact(self, stored: Stored) -> Artifact:
        """Return the artifact for what the index knows."""
        return Artifact(stored.type, stored.digest, self.store.path(stored.digest), stored.properties)

    def using(self) -> AbstractContextManager[None]:
        """Hold off the garbage collection, from looking content up until it is pinned."""
        return file_lock(self.store.locks / "use", shared=True)
