"""Which steps of a graph a run is about: all, or those between two, or some by name. Rules only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.graph import Graph, dependants, producer


class Role(str, Enum):
    """What a run does with a step: run it if it must, take its result from the store, or leave it out."""

    RUN = "run"
    STORED = "stored"
    LEFT = "left"


@dataclass(frozen=True)
class Selection:
    """`begin` and what depends on it, as far as `end` depends on it; or the steps `only`. Empty = no limit."""

    begin: str = ""
    end: str = ""
    only: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the options that say the same."""
        parts = (("--from", self.begin), ("--to", self.end), ("--only", ",".join(self.only)))
        return " ".join(f"{option} {value}" for option, value in parts if value)


ALL = Selection()


def ancestors(graph: Graph, names: Iterable[str]) -> set[str]:
    """Return all steps whose outputs the named ones use, directly or through others, without themselves."""
    wanted = set(names)
    found: set[str] = set()
    for step in reversed(graph.steps):
        if step.name in wanted or step.name in found:
            found |= {producer(reference) for reference in step.inputs.values()}
    return (found & {step.name for step in graph.steps}) - wanted


def roles(graph: Graph, selection: Selection) -> dict[str, Role]:
    """Return what becomes of each step.

    Raises ConfigError for an unknown step, for `only` beside the others, and when nothing lies between the two.
    """
    wanted = _wanted(graph, selection)
    before = ancestors(graph, wanted)
    found = {}
    for step in graph.steps:
        role = Role.STORED if step.name in before else Role.LEFT
        found[step.name] = Role.RUN if step.name in wanted else role
    return found


def _wanted(graph: Graph, selection: Selection) -> set[str]:
    named = (*selection.only, *(name for name in (selection.begin, selection.end) if name))
    for name in named:
        graph.step(name)
    if selection.only:
        if selection.begin or selection.end:
            raise ConfigError("--only cannot be given together with --from or --to; give one or the other")
        return set(selection.only)
    wanted = {step.name for step in graph.steps}
    if selection.begin:
        wanted = {selection.begin} | dependants(graph, selection.begin)
    if selection.end:
        wanted &= {selection.end} | ancestors(graph, [selection.end])
    if not wanted:
        raise ConfigError(f"no step lies between --from {selection.begin} and --to {selection.end}; exchange them")
    return wanted
