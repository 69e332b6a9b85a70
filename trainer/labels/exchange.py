"""Files of labelling tools, written from and into data folders."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.data.quarantine import FILE, Refused
from trainer.labels.agreement import Verdict
from trainer.labels.coco import from_coco, to_coco
from trainer.labels.label_studio import from_label_studio, opinions_of, set_up, to_label_studio
from trainer.labels.opinions import LONG, table_of
from trainer.labels.records import Labelled, Places, read_folder, write_folder
from trainer.labels.table import from_table, to_table
from trainer.pipeline.cache import Store, write_atomically
from trainer.pipeline.runs import RunRecord


def export_labels(folder: Path, target: Path, kind: str) -> dict[str, Any]:
    """Write a folder's labels as `csv`, `coco` or `label-studio`; the same folder gives the same bytes.

    Label Studio's labelling set-up is written beside its file. Raises as `read_tables`.
    """
    found, refused = read_folder(folder)
    if kind == "csv":
        text = to_table(found)
    else:
        content = to_coco(found) if kind == "coco" else to_label_studio(found)
        text = json.dumps(content, indent=None if kind == "coco" else 1, sort_keys=True) + "\n"
    write_atomically(target, text.encode())
    if kind == "label-studio":
        labels = sorted({one.label for one in found})
        write_atomically(target.with_suffix(".xml"), set_up(labels).encode())
    return _counted(found, refused, target.with_name(f"{target.stem}.{FILE}"))


def import_labels(source: Path, folder: Path, kind: str, good: str, replace: bool) -> dict[str, Any]:
    """Write labels.csv and masks into the folder that holds the pictures.

    Raises Rejected for a file that is not of this kind or of which no record can be used; ConfigError where there is no
    file, or a table already.
    """
    places = Places(folder)
    try:
        text = source.read_text(encoding="utf-8-sig")
        content = None if kind == "csv" else json.loads(text)
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read ({error.strerror}); name the file that the tool wrote") from error
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{source}: cannot be read as {kind} ({error}); export it again") from error
    try:
        if kind == "csv":
            found, refused = from_table(text, places)
        else:
            found, refused = (from_coco if kind == "coco" else from_label_studio)(content, places, good)
    except Rejected as error:
        raise Rejected(f"{source}: {error}") from error
    found, twice = _once(found)
    refused += twice
    if not found:
        first = f"; the first: {refused[0].where}: {refused[0].reason}" if refused else ""
        raise Rejected(f"{source}: no record can be used{first}")
    write_folder(folder, found, replace)
    people = _write_opinions(content, places, good, folder) if kind == "label-studio" else 0
    return {**_counted(found, refused, folder / FILE), "labellers": people}


def _write_opinions(content: Any, places: Places, good: str, folder: Path) -> int:
    """Write labellers.csv where several people labelled the same picture; return how many people there are, else 0.

    One that is there already is written anew in any case: what it says was said before this export.
    """
    said = opinions_of(content, places, good)
    people: dict[str, set[str]] = {}
    for one in said:
        people.setdefault(one.image, set()).add(one.labeller)
    several = any(len(names) > 1 for names in people.values())
    if several or (folder / LONG).is_file():
        write_atomically(folder / LONG, table_of(said).encode())
    return len(set.union(*people.values())) if several else 0


def _once(found: Sequence[Labelled]) -> tuple[list[Labelled], list[Refused]]:
    """A picture that stands there twice is used the first time."""
    kept: dict[str, Labelled] = {}
    refused = []
    for one in found:
        if one.image in kept:
            refused.append(Refused(one.image, "it stands there twice; the first record is used"))
        kept.setdefault(one.image, one)
    return list(kept.values()), refused


def _counted(found: Sequence[Labelled], refused: Sequence[Refused], quarantine: Path) -> dict[str, Any]:
    if refused:
        listed = [asdict(one) for one in refused]
        write_atomically(quarantine, json.dumps(listed, indent=1).encode())
    else:
        quarantine.unlink(missing_ok=True)
    masks = sum(one.mask is not None and bool(one.mask.any()) for one in found)
    listed = [asdict(one) for one in refused]
    return {"pictures": len(found), "masks": masks, "refused": listed, "quarantine": str(quarantine)}


def write_consensus(verdicts: Sequence[Verdict], target: Path) -> None:
    """Write what was agreed on as a table: image, label, how sure, whether it is disputed."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("image", "label", "sure", "disputed"))
    table.writerows((one.image, one.label, f"{one.sure:.4f}", int(one.disputed)) for one in verdicts)
    write_atomically(target, text.getvalue().encode())


def examples_of(root: Path, record: RunRecord) -> Path | None:
    """Return the folder of a run's Examples; None where they are gone."""
    step = record.step("ExampleGen")
    digest = step.outputs.get("examples", "") if step is not None else ""
    folder = Store(root).path(digest) if digest else None
    return folder if folder is not None and folder.is_dir() else None
