"""Looking at tables without a run: which rows would be set aside and why, what is odd, and which rows are copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.recipe import Recipe
from trainer.data.quarantine import by_kind
from trainer.data.split import torn
from trainer.tabular.collecting import collected, wanted_by
from trainer.tabular.examples import inputs_among
from trainer.tabular.files import tables_in
from trainer.tabular.read import read_rows
from trainer.tabular.repeats import repeats
from trainer.tabular.values import LABEL, PART, as_texts, layout_of

Report = Callable[[str, float | None], None]


def check_tables(places: Sequence[Path], recipe: Recipe, table: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Read every row of the places as ExampleGen would and say what was found; `table` are the settings of the table.

    Returns what `check_folders` does, with `rows` in place of `pictures`. Raises as `tables_in` and `collected`.
    """
    found = tables_in(places)
    files = []
    for done, file in enumerate(found, 1):
        files.append(read_rows(file, table["delimiter"], wanted_by(table)))
        report(f"{done} of {len(found)} files", done / len(found))
    layout = layout_of(table)
    rows = collected(files, lambda columns: layout, 1.0)
    texts = rows.table.texts
    wishes = as_texts(rows.columns[layout.split])[rows.usable] if layout.split else [""] * len(rows.usable)
    bad = [vars(row) for row in rows.bad]
    labels = Counter(map(str, texts[LABEL]))
    return {
        "rows": len(rows.usable),
        "parts": len(set(texts[PART])),
        "labels": dict(sorted(labels.items())),
        "unknown_labels": sorted(set(labels) - set(recipe.labels.names)),
        "torn_parts": torn(zip(map(str, texts[PART]), map(str, wishes), strict=True)),
        "bad": bad,
        "kinds": by_kind(bad),
        "odd": rows.remarks,
        "leaks": repeats(rows.table, inputs_among(rows.table, layout.slices), dict.fromkeys(map(str, texts[PART]), "")),
    }
