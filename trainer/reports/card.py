"""The model card's Markdown as HTML: headings, lists, tables, paragraphs, bold and code. All text is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby


def card_html(text: str) -> str:
    """Return the card as HTML; headings become one level smaller than they are."""
    return "".join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    for kind, found in groupby(lines, _kind):
        rows = list(found)
        if kind == "heading":
            for row in rows:
                level = min(len(row) - len(row.lstrip("#")) + 2, 6)
                yield f"<h{level}>{_inline(row.lstrip('# '))}</h{level}>"
        elif kind == "item":
            yield "<ul>" + "".join(f"<li>{_inline(row[2:])}</li>" for row in rows) + "</ul>"
        elif kind == "table":
            yield _table(rows)
        elif kind == "text":
            yield f"<p>{_inline(' '.join(rows))}</p>"


def _kind(line: str) -> str:
    for start, kind in (("#", "heading"), ("- ", "item"), ("|", "table")):
        if line.startswith(start):
            return kind
    return "text" if line.strip() else ""


def _table(rows: list[str]) -> str:
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    made = []
    for number, row in enumerate(cells):
        if all(re.fullmatch(r":?-+:?", cell) for cell in row):
            continue
        tag = "th" if number == 0 else "td"
        made.append("<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in row) + "</tr>")
    return f'<div class="scroll"><table>{"".join(made)}</table></div>'


def _inline(text: str) -> str:
    made = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", made)
