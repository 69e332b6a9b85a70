"""One CSV file with everything, masks as run lengths in a column of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from edge_agent.contracts.errors import Rejected
from trainer.data.quarantine import Refused
from trainer.labels.masks import from_run_lengths, run_lengths
from trainer.labels.records import DETAILS, UNUSABLE, Labelled, Places, reason_of

_MASK = "mask_runs"
_COLUMNS = ("image", "part", "label", *DETAILS, _MASK)


def to_table(found: Sequence[Labelled]) -> str:
    """Return the table; `mask_runs` are COCO's uncompressed run lengths, empty where the mask is not known."""
    text = io.StringIO()
    table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    table.writeheader()
    for one in found:
        runs = "" if one.mask is None else " ".join(map(str, run_lengths(one.mask)))
        table.writerow({"image": one.image, "part": one.part, "label": one.label, **one.details, _MASK: runs})
    return text.getvalue()


def from_table(text: str, places: Places) -> tuple[list[Labelled], list[Refused]]:
    """Return the pictures of such a table; lines that cannot be used are refused. Raises Rejected for another table."""
    csv.field_size_limit(1 << 30)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in ("image", "part", "label") if name not in (rows.fieldnames or ())]
    if missing:
        raise Rejected(f"column '{missing[0]}' is missing; expected {', '.join(_COLUMNS)}")
    found: list[Labelled] = []
    refused: list[Refused] = []
    try:
        for row in rows:
            try:
                found.append(_labelled(row, places))
            except UNUSABLE as error:
                refused.append(Refused(f"line {rows.line_num}", reason_of(error)))
    except csv.Error as error:
        raise Rejected(f"line {rows.line_num}: not a line of a table ({error}); export it again") from error
    return found, refused


def _labelled(row: Mapping[str, str | None], places: Places) -> Labelled:
    values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    empty = [name for name in ("image", "part", "label") if not values[name]]
    if empty:
        raise Rejected(f"'{empty[0]}' is empty")
    path = places.find(values["image"])
    width, height = places.size(path)
    runs = [int(word) for word in values[_MASK].split()]
    mask = from_run_lengths(runs, height, width) if runs else None
    details = {name: values[name] for name in DETAILS if values[name]}
    return Labelled(path, width, height, values["part"], values["label"], mask, details)
