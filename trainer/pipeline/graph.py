"""The order of steps, and a check that they fit together before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.step import Step


@dataclass(frozen=True)
class Graph:
    """Steps in an order in which each one's inputs are there before it."""

    name: str
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step:
        """Return a step by name. Raises ConfigError naming the known ones."""
        for step in self.steps:
            if step.name == name:
                return step
        raise ConfigError(f"no step '{name}'; the steps are {', '.join(s.name for s in self.steps)}")


def producer(reference: str) -> str:
    """Return the step (or source) that the reference `Step.output` names."""
    return reference.partition(".")[0]


def build_graph(name: str, steps: Sequence[Step], sources: Iterable[str]) -> Graph:
    """Order the steps by their inputs; the given order decides between equals.

    Raises ConfigError for a name used twice, a source with a dot in its name, an input that nobody makes, and a circle.
    """
    names = [step.name for step in steps]
    sources = list(sources)
    dotted = [source for source in sources if "." in source]
    if dotted:
        raise ConfigError(f"the source '{dotted[0]}' has a dot in its name, which stands between a step and its output")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ConfigError(f"two steps are named '{twice[0]}'; give each its own name")
    made = {*sources}
    offered = made | {f"{step.name}.{output}" for step in steps for output in step.outputs}
    for step in steps:
        for keyword, reference in step.inputs.items():
            if reference not in offered:
                raise ConfigError(f"{step.name}: input '{keyword}' is '{reference}', which no step makes")
    return Graph(name, tuple(_ordered(list(steps), made)))


def _ordered(waiting: list[Step], made: set[str]) -> list[Step]:
    order: list[Step] = []
    while waiting:
        ready = next((step for step in waiting if set(step.inputs.values()) <= made), None)
        if ready is None:
            raise ConfigError(f"steps wait for each other in a circle: {', '.join(s.name for s in waiting)}")
        waiting.remove(ready)
        order.append(ready)
        made |= {f"{ready.name}.{output}" for output in ready.outputs}
    return order


def dependants(graph: Graph, name: str) -> set[str]:
    """Return the names of all steps that use the step's outputs, directly or through others."""
    found = {name}
    for step in graph.steps:
        if {producer(reference) for reference in step.inputs.values()} & found:
            found.add(step.name)
    return found - {name}
