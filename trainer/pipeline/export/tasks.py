"""A graph as tasks: what each one runs and what it waits for. Rules only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.graph import Graph, producer


@dataclass(frozen=True)
class Task:
    """One step: its name, the steps it waits for, and the words of its command."""

    step: str
    after: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The step's name as a Python identifier: `ExampleGen` is `example_gen`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.step).lower()


@dataclass(frozen=True)
class Volume:
    """Shared storage: the name of a claim in the cluster, and where its content appears in every task."""

    claim: str
    path: str


@dataclass(frozen=True)
class Surroundings:
    """Where and how the tasks run. `image` "" = on the worker itself; `schedule` "" = only when somebody asks."""

    image: str = ""
    volumes: tuple[Volume, ...] = ()
    retries: int = 2
    schedule: str = ""


def tasks_of(graph: Graph, words: Sequence[str]) -> list[Task]:
    """Return one task a step, in the graph's order; `words` are those of `trainer pipeline run` that all share."""
    steps = {step.name for step in graph.steps}
    found = []
    for step in graph.steps:
        before = {producer(reference) for reference in step.inputs.values()} & steps
        command = ("trainer", "pipeline", "run", "--only", step.name, *words, "--json")
        found.append(Task(step.name, tuple(one.name for one in graph.steps if one.name in before), command))
    return found


def volume_of(text: str) -> Volume:
    """Read CLAIM:/PATH. Raises ConfigError for anything else."""
    claim, _, path = text.partition(":")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", claim) or not path.startswith("/"):
        raise ConfigError(f"--volume {text}: expected CLAIM:/PATH, such as lineside:/lineside")
    return Volume(claim, path)
