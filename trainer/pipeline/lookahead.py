"""What a run would do, found without doing it: nothing is executed and nothing heavy imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from trainer.pipeline.driver import Driver, Plan, not_to_run, plan
from trainer.pipeline.graph import Graph, producer
from trainer.pipeline.key import differences
from trainer.pipeline.selection import ALL, Role, Selection, roles
from trainer.pipeline.step import Artifact, Known


@dataclass(frozen=True)
class Outlook:
    """What would become of a step: `cached`, `would run`, `skipped`, or `missing` (needed, and not to be run).

    `key` is "" where it cannot be known before the steps ahead have run.
    """

    step: str
    state: str
    reasons: list[str] = field(default_factory=list)
    key: str = ""


def look_ahead(driver: Driver, graph: Graph, sources: Known, selection: Selection = ALL) -> Iterator[Outlook]:
    """Yield the outlook of each step in the graph's order."""
    known: dict[str, Artifact] = dict(sources)
    causes: dict[str, list[str]] = {}
    for name, role in roles(graph, selection).items():
        step = graph.step(name)
        if role is Role.LEFT:
            yield Outlook(name, "skipped", [f"not asked for ({selection.text()})"])
            continue
        ahead = [cause for reference in step.inputs.values() for cause in causes.get(producer(reference), ())]
        why = "" if ahead else not_to_run(step, known)
        if why:
            yield Outlook(name, "skipped", [why])
            continue
        planned = None if ahead else plan(step, known, driver.imports)
        outputs = driver.cached(planned) if planned else None
        if outputs is not None and planned is not None:
            known |= {f"{name}.{output}": artifact for output, artifact in outputs.items()}
            yield Outlook(name, "cached", key=planned.key)
            continue
        reasons = list(dict.fromkeys(ahead)) or reasons_to_run(driver, planned)
        causes[name] = ahead or [f"{name} would run first: {reasons[0]}"]
        yield Outlook(name, _STATE[role], reasons, planned.key if planned else "")


_STATE: Mapping[Role, str] = {Role.RUN: "would run", Role.STORED: "missing"}


def reasons_to_run(driver: Driver, planned: Plan | None) -> list[str]:
    """Say why a step is not cached: what changed since it was done last."""
    former = driver.index.latest(planned.step.name) if planned else None
    if planned is None or former is None:
        return ["it never ran here"]
    return differences(former.parts, planned.parts) or ["its result is damaged or gone"]
