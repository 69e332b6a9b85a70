"""What people agreed on, put into the table that is trained from."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.data.manifest import FILE
from trainer.labels.agreement import Verdict
from trainer.pipeline.cache import write_atomically


@dataclass(frozen=True)
class Changed:
    """A picture whose label in the table became another; `before` "" = it had none."""

    image: str
    before: str
    label: str


def adopt(folder: Path, verdicts: Sequence[Verdict]) -> list[Changed]:
    """Write the verdicts into the column `label` of the folder's labels.csv and return what changed.

    Everything else in the table stays as it is; pictures without a line in it are left out. Raises ConfigError where
    there is no table, Rejected for one with lines of another length.
    """
    target = folder / FILE
    try:
        rows = csv.DictReader(io.StringIO(target.read_text(encoding="utf-8-sig"), newline=""))
        table, names = list(rows), list(rows.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{target}: cannot be read ({error}); agreed labels go into a table that is there") from error
    _check(target, table, names)
    agreed = {one.image: one.label for one in verdicts}
    changed = []
    for row in table:
        label, before = agreed.get(row["image"].strip()), (row.get("label") or "").strip()
        if label is not None and label != before:
            changed.append(Changed(row["image"], before, label))
            row["label"] = label
    if changed:
        write_atomically(target, _text(table, names if "label" in names else [*names, "label"]).encode())
    return changed


def _check(target: Path, table: Sequence[dict[str, str]], names: Sequence[str]) -> None:
    if "image" not in names:
        raise Rejected(f"{target}: column 'image' is missing")
    for line, row in enumerate(table, 2):
        if None in row or None in row.values():
            raise Rejected(f"{target}: record {line} has not {len(names)} fields; correct it first")


def _text(table: Sequence[dict[str, str]], names: Sequence[str]) -> str:
    text = io.StringIO()
    made = csv.DictWriter(text, names, restval="", lineterminator="\n")
    made.writeheader()
    made.writerows(table)
    return text.getvalue()
