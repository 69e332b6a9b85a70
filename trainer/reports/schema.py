"""A schema as a table on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def show_schema(found: Sequence[Mapping[str, Any]], where: str) -> None:
    """Print the rows of `trainer.validation.schema_changes.rows`."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"schema: {where}", markup=False)
    table = Table(box=None, pad_edge=False)
    for name in ("feature", "type", "presence", "values", "remarks"):
        table.add_column(name, no_wrap=name == "feature")
    for row in found:
        remarks = [f"not in {one}" for one in row["not_in"]] + list(row["limits"]) + list(row["changes"])
        cells = (row["feature"], row["type"], row["presence"], row["values"], "; ".join(remarks))
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    console.print(table)
