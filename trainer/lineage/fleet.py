"""What a fleet adds to the lineage of a bundle: its rollouts, and the devices that run it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trainer.lineage.graph import Edge, Lineage, Node, shown
from trainer.lineage.text import utc


def with_fleet(graph: Lineage, rollouts: Iterable[Mapping[str, Any]], devices: Iterable[Mapping[str, Any]]) -> Lineage:
    """Add the rollouts of the graph's bundle, and the devices that run it by site; a graph without one stays as it is.

    `rollouts` and `devices` are answers of the fleet's API.
    """
    bundle = next((n.properties["bundle"] for n in graph.nodes if n.title.startswith("Bundle")), "")
    if not bundle:
        return graph
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
    facts = {name: shown(rollout[name]) for name in kept if rollout.get(name) not in (None, "")}
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
