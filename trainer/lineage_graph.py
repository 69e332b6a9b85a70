"""The way from the data through every step to the bundle and the devices that run it, as nodes and edges."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from trainer.lineage import content_of
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry

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
    chosen = with_descendants(entries, digest)
    makers = makers_of(entries, chosen)
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for entry in makers:
        for used in (one for one in entry.parts.inputs.values() if one and one not in nodes):
            nodes[used] = _source(driver, used)
        for name, stored in entry.outputs.items():
            if stored.digest not in nodes:
                nodes[stored.digest] = _node(driver, entry, name)
                edges += [Edge(used, stored.digest, role) for role, used in entry.parts.inputs.items() if used]
    return Lineage(tuple(nodes.values()), tuple(edges))


def with_descendants(entries: Mapping[str, Entry], digest: str) -> list[Entry]:
    """Return the newest execution that made the content, and of each step the newest that used it or its results."""
    reached = {digest}
    newest: dict[str, Entry] = {}
    for entry in _in_order(entries.values()):
        if reached & set(entry.parts.inputs.values()):
            newest[entry.step] = entry
            reached |= {stored.digest for stored in entry.outputs.values()}
    made = [e for e in entries.values() if any(s.digest == digest for s in e.outputs.values())]
    return [*made[-1:], *newest.values()]


def makers_of(entries: Mapping[str, Entry], wanted: Iterable[Entry]) -> list[Entry]:
    """Return the executions with all that they depend on, each after those before it."""
    by_output = {stored.digest: entry for entry in entries.values() for stored in entry.outputs.values()}
    found: dict[int, Entry] = {}

    def visit(entry: Entry) -> None:
        if id(entry) not in found:
            for used in entry.parts.inputs.values():
                if used in by_output and by_output[used] is not entry:
                    visit(by_output[used])
            found[id(entry)] = entry

    for entry in wanted:
        visit(entry)
    return list(found.values())


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort so that what uses something comes after it; the index keeps them by the time of their end."""
    return sorted(entries, key=lambda entry: entry.created_ms)


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
        f"{when[:16]} · run {entry.run}",
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
    said = {name: _text(value) for name, value in sorted(stored.properties.items())}
    return Node(stored.digest, "made" if blessed else "refused", f"{stored.type}{version}", lines, {**facts, **said})


def _told(libraries: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 400 else text[:400] + " …"


def utc(milliseconds: int) -> str:
    """Return a moment in UTC to the second."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def with_fleet(
    graph: Lineage, bundle: str, rollouts: Iterable[Mapping[str, Any]], devices: Iterable[Mapping[str, Any]]
) -> Lineage:
    """Add the rollouts of the bundle with this ID and the devices that run it, by site."""
    last = next((n.id for n in reversed(graph.nodes) if n.title.startswith(("PushedModel", "Bundle"))), "")
    nodes, edges = list(graph.nodes), list(graph.edges)
    parents = [last]
    for rollout in rollouts:
        if rollout["bundle"] == bundle:
            nodes.append(_rollout(rollout))
            edges.append(Edge(last, nodes[-1].id, "rolled out"))
            parents = [*(p for p in parents if p != last), nodes[-1].id]
    running: dict[str, list[Mapping[str, Any]]] = {}
    for device in devices:
        if device["running"] == bundle:
            running.setdefault(str(device["site"]), []).append(device)
    for site, found in sorted(running.items()):
        nodes.append(_devices(site, found))
        edges += [Edge(parent, nodes[-1].id, "runs on") for parent in parents]
    return Lineage(tuple(nodes), tuple(edge for edge in edges if edge.source))


def _rollout(rollout: Mapping[str, Any]) -> Node:
    stages = rollout["stages"]
    committed, planned = sum(s["committed"] for s in stages), sum(s["devices"] for s in stages)
    lines = (
        f"{rollout['model']}@{rollout['version']}",
        f"{rollout['strategy']} · stage {rollout['stage']} of {len(stages)}",
        f"{utc(rollout['created_ms'])[:16]} · by {rollout['created_by']}",
        f"{rollout['state']} · {committed} of {planned} devices committed",
    )
    kind = "refused" if rollout["state"] in ("failed", "aborted", "rolled-back", "reverted") else "rollout"
    kept = ("state", "strategy", "stage", "counts", "reason", "where", "created_by", "release", "bundle")
    facts = {name: _text(rollout[name]) for name in kept if rollout.get(name) not in (None, "")}
    return Node(f"rollout-{rollout['id']}", kind, f"Rollout {rollout['id']}", lines, facts)


def _devices(site: str, devices: list[Mapping[str, Any]]) -> Node:
    online = sum(device["status"] == "online" for device in devices)
    names = sorted(str(device["id"]) for device in devices)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    lines = (f"site {site}", shown, f"{online} online", f"lines {', '.join(sorted({str(d['line']) for d in devices}))}")
    facts = {
        str(d["id"]): f"{d['status']}, {d['state'] or 'no state'}, release {d['running_release']}" for d in devices
    }
    many = "s" if len(devices) != 1 else ""
    return Node(f"site-{site}", "devices", f"{len(devices)} device{many}", lines, facts)


def bundle_id(graph: Lineage) -> str:
    """Return the ID of the bundle in the graph, "" when it holds none."""
    return next((n.properties["bundle"] for n in graph.nodes if n.title.startswith("Bundle")), "")


def write_lineage(root: Path, wanted: str, target: Path, fleet_home: Path | None) -> dict[str, int]:
    """Write the page; return how many nodes and edges it shows. Raises as `lineage_of`, and as the fleet's API does."""
    from trainer.lineage import digest_of
    from trainer.reports.lineage_page import write_page

    driver = Driver(root)
    try:
        digest = digest_of(root, driver, wanted)
        graph = lineage_graph(driver, digest)
    finally:
        driver.close()
    if fleet_home is not None:
        from trainer.labels.fleet_api import FleetApi

        fleet = FleetApi.of(fleet_home)
        try:
            graph = with_fleet(graph, bundle_id(graph), fleet.rollouts(), fleet.devices())
        finally:
            fleet.close()
    write_page(graph, digest, wanted, target)
    return {"nodes": len(graph.nodes), "edges": len(graph.edges)}
