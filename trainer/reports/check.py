"""What `trainer data check` found, as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from trainer.data.leaks import warnings_of
from trainer.data.quarantine import kind_of

_SHOWN = 10


def show_check(found: Mapping[str, Any], spans: Sequence[str]) -> None:
    """Print the result of `check_folders` or `check_tables`; `spans` names the spans that were read."""
    what = "rows" if "rows" in found else "pictures"
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    if spans:
        console.print(f"read: {', '.join(spans)}")
    console.print(f"{found[what]} usable {what} of {found['parts']} parts; {len(found['bad'])} bad records")
    if found["kinds"]:
        console.print(_table(("trouble", "records", "the first"), _troubles(found)))
        for one in found["bad"][:_SHOWN]:
            console.print(f"  {one['path']} ({one['sha256'][:12] or 'no content'}): {one['reason']}")
        if len(found["bad"]) > _SHOWN:
            console.print(f"  and {len(found['bad']) - _SHOWN} more; --json lists them all")
    if found.get("normalised"):
        console.print(_table(("made usual", "pictures"), found["normalised"].items()))
    console.print(_table(("label", what), found["labels"].items()))
    for line in _remarks(found):
        console.print(f"! {line}")


def _troubles(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    first: dict[str, str] = {}
    for one in found["bad"]:
        first.setdefault(kind_of(one["reason"]), one["path"])
    return [(kind, count, first[kind]) for kind, count in found["kinds"].items()]


def _remarks(found: Mapping[str, Any]) -> list[str]:
    lines = [f"label '{label}' is not in the recipe; add it to labels.defects" for label in found["unknown_labels"]]
    lines += [f"column '{name}' is empty in every row" for name in found.get("empty_columns", ())]
    torn = found["torn_parts"]
    if torn:
        lines.append(f"{len(torn)} parts are in two splits: {', '.join(torn[:_SHOWN])}")
    return [*lines, *found["odd"], *warnings_of(found["leaks"])]


def _table(header: Sequence[str], rows: Any) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number == 1 else "left")
    for row in rows:
        table.add_row(*map(str, row))
    return table
