"""What a step is: a plain function with named inputs, outputs and parameters, and the artifacts between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Properties = Mapping[str, Any]
"""What an executor says of an output besides its files; JSON values only."""


@dataclass(frozen=True)
class Artifact:
    """One output: a folder in the content-addressed store, named by the digest of what is in it.

    `type` is TFX's artifact type name (Examples, Schema, Model, …).
    """

    type: str
    digest: str
    path: Path
    properties: Properties = field(default_factory=dict)

    @property
    def blessed(self) -> bool:
        """False only where the step that made it said so: what follows is then not run."""
        return bool(self.properties.get("blessed", True))

    @property
    def reasons(self) -> list[str]:
        """Why it was not blessed, or remarks."""
        return [str(reason) for reason in self.properties.get("reasons", [])]


Known = Mapping[str, Artifact]
"""Artifacts made so far, by `Step.output`."""


@dataclass(frozen=True)
class Resolved:
    """Inputs and parameters that can be named only once the artifacts before are known.

    `likely` is about how many bytes the step will write; 0 = as many as the last time.
    """

    inputs: Mapping[str, Artifact | None] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    likely: int = 0


@dataclass(frozen=True)
class Step:
    """One node of the pipeline.

    `function` is "module:name" of a plain function that takes one keyword a name: a Path for each input (None for an
    absent optional one), an empty folder for each output, the value of each parameter and of each location, and
    `context` (a `Context`). It returns properties for its outputs, by output name.

    `inputs` maps a keyword to "Step.output" or to the name of a source. `locations` are values that say where things
    are and never what they are: they are not part of the cache key. `runs` names modules that the function starts as
    programs, and `uses` files of the user's own code, for the code closure. `valid` is asked before a cached result is
    believed, for steps whose effect lies outside the store. `alone` is a word: from the first step that has it to a
    run's end no other run of the same pipeline is there, too; `resolve` then finds what the one before has left.
    """

    name: str
    function: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    locations: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    uses: tuple[Path, ...] = ()
    alone: str = ""
    resolve: Callable[[Known], Resolved] | None = None
    valid: Callable[[Mapping[str, Artifact]], bool] | None = None

    @property
    def module(self) -> str:
        """Module of the function."""
        return self.function.partition(":")[0]


class Context:
    """What an executor may use besides its arguments.

    `scratch` is a folder that outlives a crash and is removed once the step is published: checkpoints go there.
    """

    def __init__(self, scratch: Path, report: Callable[[str, float | None], None]) -> None:
        self.scratch = scratch
        self._report = report

    def progress(self, text: str, done: float | None = None) -> None:
        """Say in a few words what is going on; `done` is the share that is finished (0..1)."""
        self._report(text, done)
