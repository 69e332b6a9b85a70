"""The way from the data through every step to the bundle and the devices that run it, as nodes and edges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.lineage.origins import Origins, in_order
from trainer.lineage.text import content_of, digest_of, utc
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry, Stored

SHORT = 12


@dataclass(frozen=True)
class Node:
    """One artifact, or what became of it in a fleet. `kind` is `data`, `made`, `refused`, `rollout` or `devices`."""

    id: str
    kind: str
    title: str
    lines: tuple[str, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """`target` was made of `source`, which it calls `role`."""

    source: str
    target: str
    role: str = ""


@dataclass(frozen=True)
class Lineage:
    """Nodes in an order in which each comes after those it was made of."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def lineage_graph(driver: Driver, digest: str) -> Lineage:
    """Return all that the artifact was made of, and the newest that each step made of it."""
    entries = driver.index.entries()
    origins = Origins(entries.values())
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for entry in makers_of(origins, with_descendants(entries, digest)):
        sources = {}
        for role, used in entry.parts.inputs.items():
            maker = origins.maker(used, entry) if used else None
            if maker is not None:
                sources[role] = node_id(_output(maker, used).type, used)
            elif used:
                sources[role] = used
                nodes.setdefault(used, _source(driver, used))
        for name, stored in entry.outputs.items():
            place = node_id(stored.type, stored.digest)
            if place not in nodes:
                nodes[place] = _node(driver, entry, name)
                edges += [Edge(source, place, role) for role, source in sources.items() if source in nodes]
    return Lineage(tuple(nodes.values()), tuple(edges))


def node_id(kind: str, digest: str) -> str:
    """Name a node: the same content may be there as artifacts of two types, such as two blessings."""
    return f"{kind}-{digest}"


def _output(entry: Entry, digest: str) -> Stored:
    return next(stored for stored in entry.outputs.values() if stored.digest == digest)


def with_descendants(entries: Mapping[str, Entry], digest: str) -> list[Entry]:
    """Return the newest execution that made the content, and of each step the newest that used it or its results."""
    reached = {digest}
    newest: dict[str, Entry] = {}
    for entry in in_order(entries.values()):
        if reached & set(entry.parts.inputs.values()):
            newest[entry.step] = entry
            reached |= {stored.digest for stored in entry.outputs.values()}
    made = [e for e in entries.values() if any(s.digest == digest for s in e.outputs.values())]
    return [*made[-1:], *newest.values()]


def makers_of(origins: Origins, wanted: Iterable[Entry]) -> list[Entry]:
    """Return the executions with all that they depend on, each after those before it."""
    found: dict[int, Entry] = {}
    visited: set[int] = set()

    def visit(entry: Entry) -> None:
        if id(entry) in visited:
            return
        visited.add(id(entry))
        for used in entry.parts.inputs.values():
            maker = origins.maker(used, entry) if used else None
            if maker is not None:
                visit(maker)
        found[id(entry)] = entry

    for entry in wanted:
        visit(entry)
    return list(found.values())


def _source(driver: Driver, digest: str) -> Node:
    title, lines = content_of(driver, digest)
    return Node(digest, "data", title, lines, {"digest": digest, "content": lines[1]})


def _node(driver: Driver, entry: Entry, name: str) -> Node:
    stored = entry.outputs[name]
    when = utc(entry.created_ms)
    blessed = bool(stored.properties.get("blessed", True))
    version = f" {stored.properties['version']}" if "version" in stored.properties else ""
    code, libraries = entry.parts.code_digest, entry.parts.environment_digest
    there = "" if driver.store.path(stored.digest).is_dir() else " (collected)"
    lines = (
        f"{stored.digest[:SHORT]}{there}",
        f"{entry.step}.{name} · {entry.seconds:.1f} s",
        f"run {entry.run} · {when[11:19]}",
        f"code {code[:8]} · libraries {libraries[:8]}",
    )
    facts = {
        "digest": stored.digest,
        "made by": f"{entry.step}.{name} ({entry.parts.function})",
        "when": f"{when} UTC",
        "run": entry.run,
        "seconds": f"{entry.seconds:.1f}",
        "code": f"{code} ({len(entry.parts.code)} files)",
        "libraries": f"{libraries} ({_told(entry.parts.libraries)})",
    }
    said = {name: shown(value) for name, value in sorted(stored.properties.items())}
    place = node_id(stored.type, stored.digest)
    return Node(place, "made" if blessed else "refused", f"{stored.type}{version}", lines, {**facts, **said})


def _told(libraries: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))


def shown(value: Any) -> str:
    """Return a property's value as text, cut where it is long."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "; ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 400 else text[:400] + " …"


def write_lineage(root: Path, wanted: str, target: Path, fleet_home: Path | None) -> dict[str, int]:
    """Write the page; return how many nodes and edges it shows. Raises as `lineage_of`, and as the fleet's API does."""
    from trainer.reports.lineage_page import write_page

    driver = Driver(root)
    try:
        digest = digest_of(root, driver, wanted)
        graph = lineage_graph(driver, digest)
    finally:
        driver.close()
    if fleet_home is not None:
        from trainer.labels.fleet_api import FleetApi
        from trainer.lineage.fleet import with_fleet

        fleet = FleetApi.of(fleet_home)
        try:
            graph = with_fleet(graph, fleet.rollouts(), fleet.devices())
        finally:
            fleet.close()
    asked = next(node.id for node in reversed(graph.nodes) if node.properties.get("digest") == digest)
    write_page(graph, asked, wanted, target)
    return {"nodes": len(graph.nodes), "edges": len(graph.edges)}
