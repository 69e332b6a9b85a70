"""Places for the nodes of a directed graph without circles: from top to bottom, edges short and few of them crossing.

Sugiyama's method in its plainest form: layers by the longest way, dummies where an edge passes a layer, the order in a
layer by the mean place of the neighbours (barycentres), some sweeps up and down. Rules only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[str, str]
_SWEEPS = 8


@dataclass(frozen=True)
class Sizes:
    """In pixels: a node, the lane that a passing edge takes, and the gaps between."""

    width: float = 248.0
    height: float = 104.0
    lane: float = 26.0
    gap: float = 26.0
    rise: float = 46.0


@dataclass(frozen=True)
class Places:
    """Top left corners of the nodes, the points that each edge passes, and the size of all."""

    nodes: Mapping[str, tuple[float, float]]
    edges: Mapping[Pair, list[tuple[float, float]]]
    width: float
    height: float


def reduced(pairs: Sequence[Pair]) -> set[Pair]:
    """Return the edges that no longer way stands for (the transitive reduction)."""
    below: dict[str, set[str]] = {}
    for source, target in pairs:
        below.setdefault(source, set()).add(target)

    def reaches(start: str, goal: str) -> bool:
        waiting, seen = [start], set()
        while waiting:
            place = waiting.pop()
            if place == goal:
                return True
            if place not in seen:
                seen.add(place)
                waiting += below.get(place, ())
        return False

    return {
        (source, target)
        for source, target in pairs
        if not any(other != target and reaches(other, target) for other in below[source])
    }


def layers(nodes: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Return each node's layer: below all it was made of; what was made of nothing stands right above its first user.

    `nodes` must be in an order in which each comes after those it was made of.
    """
    above: dict[str, list[str]] = {node: [] for node in nodes}
    below: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        above[target].append(source)
        below[source].append(target)
    found: dict[str, int] = {}
    for node in nodes:
        found[node] = max((found[one] + 1 for one in above[node]), default=0)
    for node in nodes:
        if not above[node] and below[node]:
            found[node] = min(found[one] for one in below[node]) - 1
    lowest = min(found.values(), default=0)
    return {node: layer - lowest for node, layer in found.items()}


def place(nodes: Sequence[str], pairs: Sequence[Pair], sizes: Sizes) -> Places:
    """Place the nodes and the edges between them."""
    level = layers(nodes, pairs)
    rows: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node in nodes:
        rows[level[node]].append(node)
    chains = {(source, target): _chain(source, target, level, rows) for source, target in pairs}
    links = [link for chain in chains.values() for link in pairwise(chain)]
    for sweep in range(_SWEEPS):
        _sweep(rows, links, down=sweep % 2 == 0)
    return _measured(rows, chains, sizes)


def _chain(source: str, target: str, level: Mapping[str, int], rows: list[list[str]]) -> list[str]:
    """Put a dummy into each layer that the edge passes; return the way."""
    passed = [f"{source}>{target}@{layer}" for layer in range(level[source] + 1, level[target])]
    for layer, dummy in enumerate(passed, level[source] + 1):
        rows[layer].append(dummy)
    return [source, *passed, target]


def _sweep(rows: list[list[str]], links: Sequence[Pair], down: bool) -> None:
    neighbours: dict[str, list[str]] = {}
    for source, target in links:
        if down:
            neighbours.setdefault(target, []).append(source)
        else:
            neighbours.setdefault(source, []).append(target)
    for row in rows if down else reversed(rows):
        at = {name: _share(index, rows_of) for rows_of in rows for index, name in enumerate(rows_of)}

        def mean(name: str, at: Mapping[str, float] = at) -> float:
            known = [at[other] for other in neighbours.get(name, ())]
            return sum(known) / len(known) if known else at[name]

        row.sort(key=mean)


def _share(index: int, row: Sequence[str]) -> float:
    return (index + 1) / (len(row) + 1)


def _measured(rows: list[list[str]], chains: Mapping[Pair, list[str]], sizes: Sizes) -> Places:
    real = {end for pair in chains for end in pair} | {name for row in rows for name in row if "@" not in name}

    def wide(name: str) -> float:
        return sizes.width if name in real else sizes.lane

    spans = [sum(map(wide, row)) + sizes.gap * (len(row) - 1) for row in rows]
    width = max(spans, default=0.0)
    corners: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        x = (width - spans[number]) / 2
        for name in row:
            corners[name] = (x, number * (sizes.height + sizes.rise))
            x += wide(name) + sizes.gap
    edges = {pair: _points(chain, corners, wide, sizes) for pair, chain in chains.items()}
    height = len(rows) * (sizes.height + sizes.rise) - sizes.rise
    return Places({name: corners[name] for name in corners if name in real}, edges, width, max(height, 0.0))


def _points(
    chain: Sequence[str], corners: Mapping[str, tuple[float, float]], wide: Callable[[str], float], sizes: Sizes
) -> list[tuple[float, float]]:
    """Return where the edge leaves, enters and passes: from bottom to top of each, through the middle."""
    points = []
    for number, name in enumerate(chain):
        x, y = corners[name]
        middle = x + wide(name) / 2
        if number:
            points.append((middle, y))
        if number < len(chain) - 1:
            points.append((middle, y + sizes.height))
    return points
