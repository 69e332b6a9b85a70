"""ExampleGen of tables: from files of rows to Examples. Bad rows are set aside with file, line and reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.errors import Rejected
from trainer.data import leaks
from trainer.data.manifest import SPLITS
from trainer.data.spans import span_properties
from trainer.data.split import BY_HASH, BY_PART, asked_for, assign, assign_by_part, by_hash, torn
from trainer.pipeline.step import Context
from trainer.tabular.collecting import collected, read_listed
from trainer.tabular.examples import inputs_among, write_columns, write_split
from trainer.tabular.identity import row_texts
from trainer.tabular.read import BadRow
from trainer.tabular.repeats import repeats
from trainer.tabular.values import LABEL, PART, as_texts, chosen_rows, layout_of

Texts = npt.NDArray[np.object_]


def table_example_gen(
    data: Path,
    kept: Path | None,
    examples: Path,
    good: str,
    shares: Mapping[str, float],
    table: Mapping[str, Any],
    max_bad: float,
    salt: str,
    how: str,
    places: Sequence[str],
    context: Context,
) -> dict[str, Any]:
    """Read the files that `data/listing.json` names from `places` and write their rows as Examples.

    Rows of one part are in one split, every label is in all splits, and parts of `kept` (a former model's examples)
    stay where they were; `how` says otherwise, see `trainer.data.split`. Raises Rejected when more than the share
    `max_bad` of all rows is bad, when a file changed since it was listed, lacks a column or is no table at all, and
    when no row is left.
    """
    listing = json.loads((data / "listing.json").read_text(encoding="utf-8"))
    files = read_listed(listing["files"], places, table, context.progress)
    layout = layout_of(table)
    found = collected(files, lambda columns: layout, max_bad)
    left, bad = found.table, found.bad
    wishes = as_texts(found.columns[layout.split])[found.usable] if layout.split else np.full(len(found.usable), "")
    if how == BY_HASH:
        cells = np.asarray(list(row_texts(found.columns, layout)), object)[found.usable]
        wishes = np.asarray(
            [wish or by_hash(text, shares, salt) for wish, text in zip(wishes, cells, strict=True)], object
        )
    parts = _parts(left.texts, good, wishes, shares, salt, kept, how)
    split = wishes if how == BY_HASH else np.asarray([parts[part]["split"] for part in left.texts[PART]], object)
    context.progress("writing", None)
    counts = {}
    for name in SPLITS:
        chosen = np.flatnonzero(split == name)
        write_split(chosen_rows(left, chosen), examples, name)
        counts[name] = len(chosen)
    write_columns(examples, left, layout.slices)
    entries = [vars(row) for row in bad]
    twice = repeats(left, inputs_among(left, layout.slices), {part: one["split"] for part, one in parts.items()})
    written = {"parts": parts, "quarantine": entries, "remarks": found.remarks, Path(leaks.FILE).stem: twice}
    for name, content in written.items():
        (examples / f"{name}.json").write_text(json.dumps(content, indent=0, sort_keys=True), encoding="utf-8")
    named, spans = span_properties(listing.get("spans", []))
    return {"examples": {**_properties(counts, parts, bad, [*named, *found.remarks], twice["counts"]), **spans}}


def _parts(
    texts: Mapping[str, Texts],
    good: str,
    wishes: Texts,
    shares: Mapping[str, float],
    salt: str,
    before: Path | None,
    how: str,
) -> dict[str, dict[str, Any]]:
    """Return split, label and number of rows of each part; a part is what its worst row is."""
    labels: dict[str, str] = {}
    for part, label in zip(texts[PART], texts[LABEL], strict=True):
        if labels.get(part, good) == good:
            labels[part] = label
    known: dict[str, str] = {}
    if before is not None:
        content = json.loads((before / "parts.json").read_text(encoding="utf-8"))
        known = {part: value["split"] for part, value in content.items()}
    wanted = [(str(part), str(wish)) for part, wish in zip(texts[PART], wishes, strict=True)]
    asked, in_two = asked_for(wanted), torn(wanted)
    if in_two and how != BY_HASH:
        shown = ", ".join(in_two[:5])
        raise Rejected(f"{len(in_two)} parts have rows in two splits ({shown}); a part belongs to one split whole")
    if how == BY_HASH:
        split = asked
    elif how == BY_PART:
        split = assign_by_part(labels, {**asked, **known}, shares, salt, {})
    else:
        split = assign(labels, {**asked, **known}, shares, salt)
    rows = Counter(texts[PART])
    return {part: {"split": split[part], "label": labels[part], "rows": rows[part]} for part in sorted(labels)}


def _properties(
    counts: Mapping[str, int],
    parts: Mapping[str, Mapping[str, Any]],
    bad: Sequence[BadRow],
    remarks: list[str],
    twice: Mapping[str, int],
) -> dict[str, Any]:
    in_split = Counter(part["split"] for part in parts.values())
    reasons = [f"{len(bad)} rows quarantined"] if bad else []
    return {
        "split_names": json.dumps(SPLITS),
        **{f"pictures_{name}": counts[name] for name in SPLITS},
        **{f"parts_{name}": in_split[name] for name in SPLITS},
        "quarantined": len(bad),
        "misnamed": 0,
        "repeated": twice["same"],
        "near_duplicates": twice["near"],
        "near_duplicates_across_splits": twice["split"],
        "reasons": [*reasons, *remarks],
    }
