"""The lineage as one page with a graph that needs nothing from any network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from trainer.lineage.graph import Edge, Lineage, Node
from trainer.pipeline.cache import write_atomically
from trainer.reports.layered import Places, Sizes, place, reduced
from trainer.reports.rendering import environment

_MARGIN, _BOW = 12.0, 110.0
_TEXT_WIDTH = 40


def write_page(graph: Lineage, start: str, name: str, target: Path) -> None:
    """Write the page; the node with the id `start` is the one that was asked for by `name`."""
    page = (
        environment()
        .get_template("lineage.html")
        .render(name=name, start=start, graph=graph, drawing=draw(graph, start), facts=_facts(graph))
    )
    write_atomically(target, page.encode())


def draw(graph: Lineage, start: str) -> str:
    """Return the graph as SVG. Edges for which a longer way stands are drawn faintly, and behind."""
    sizes = Sizes()
    nodes = [node.id for node in graph.nodes]
    shown = reduced([(edge.source, edge.target) for edge in graph.edges])
    places = place(nodes, sorted(shown, key=lambda pair: (nodes.index(pair[0]), nodes.index(pair[1]))), sizes)
    lines = [_edge(edge, places, sizes, (edge.source, edge.target) in shown) for edge in graph.edges]
    cards = [_card(node, places, sizes, node.id == start) for node in graph.nodes]
    width, height = places.width + 2 * _BOW, places.height + 2 * _MARGIN
    view = f"{-_BOW} {-_MARGIN} {width:.0f} {height:.0f}"
    return (
        f'<svg class="graph" viewBox="{view}" style="max-width:{width:.0f}px" role="group" aria-label="Lineage">'
        f'<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8Z" fill="context-stroke"/></marker></defs>{"".join(sorted(lines))}{"".join(cards)}</svg>'
    )


def _edge(edge: Edge, places: Places, sizes: Sizes, main: bool) -> str:
    pair = (edge.source, edge.target)
    way = _curve(places.edges[pair]) if main else _bow(places.nodes[pair[0]], places.nodes[pair[1]], sizes)
    kind = "way" if main else "aside"
    ends = f"data-from={quoteattr(edge.source)} data-to={quoteattr(edge.target)}"
    title = f"<title>{escape(edge.role)}</title>"
    return f'<path class="{kind}" {ends} d="{way}" marker-end="url(#arrow)">{title}</path>'


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a path that is upright at every point."""
    drawn = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = (y1 - y0) / 2
        drawn.append(f"C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}")
    return "".join(drawn)


def _bow(source: tuple[float, float], target: tuple[float, float], sizes: Sizes) -> str:
    """Return a path from the right side of one node to that of the other, the farther out the longer it is."""
    (x0, y0), (x1, y1) = ((x + sizes.width, y + sizes.height / 2) for x, y in (source, target))
    out = max(x0, x1) + min(40 + (y1 - y0) / 8, _BOW)
    return f"M{x0:.1f} {y0:.1f}C{out:.1f} {y0:.1f} {out:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"


def _card(node: Node, places: Places, sizes: Sizes, asked: bool) -> str:
    x, y = places.nodes[node.id]
    rows = [f'<text class="title" x="14" y="25">{escape(_cut(node.title, 29))}</text>']
    for number, line in enumerate(node.lines):
        kind = "digest" if number == 0 else "line"
        rows.append(f'<text class="{kind}" x="14" y="{45 + 16 * number}">{escape(_cut(line, _TEXT_WIDTH))}</text>')
    label = quoteattr(f"{node.title}, {', '.join(node.lines)}")
    kind = f"node {node.kind} asked" if asked else f"node {node.kind}"
    return (
        f'<g class="{kind}" data-id={quoteattr(node.id)} tabindex="0" role="button" '
        f'aria-label={label} transform="translate({x:.1f} {y:.1f})">'
        f'<rect class="card" width="{sizes.width}" height="{sizes.height}" rx="12"/>'
        f'<rect class="edge" width="5" height="{sizes.height - 24}" x="0" y="12" rx="2.5"/>{"".join(rows)}</g>'
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _facts(graph: Lineage) -> str:
    """Return what the page's script needs, as JSON that may stand in a script element."""
    uses: dict[str, list[list[str]]] = {}
    for edge in graph.edges:
        uses.setdefault(edge.target, []).append([edge.role, edge.source])
    facts = {
        node.id: {"title": node.title, "kind": node.kind, "facts": dict(node.properties), "uses": uses.get(node.id, [])}
        for node in graph.nodes
    }
    return json.dumps(facts).replace("<", "\\u003c")
