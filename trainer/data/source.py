"""The data of a run, named by its exact content: every picture's digest, and the tables that describe them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from edge_agent.contracts.encoding import canonical_json
from trainer.data.manifest import REQUIRED, Table, read_tables
from trainer.pipeline.cache import Store
from trainer.pipeline.files import digests
from trainer.pipeline.index import Index
from trainer.pipeline.step import Artifact

TYPE = "RawImages"
_Places = tuple[Path, Path | None]
"""Where a row's picture and mask lie."""


def list_data(
    folders: Sequence[Path],
    store: Store,
    index: Index,
    now_ns: Callable[[], int],
    spans: Sequence[Mapping[str, int]] = (),
    serving: bool = False,
) -> Artifact:
    """Return the artifact that lists all pictures of the folders with their digests, and `spans` where there are any.

    Data from production (`serving`) needs pictures alone and brings its columns of other names along. It names no
    absolute path, so the same data elsewhere is the same. Raises as `read_tables`.
    """
    table = read_tables(folders, ("image",) if serving else REQUIRED)
    places: list[_Places] = [
        (folders[row.folder] / row.image, folders[row.folder] / row.mask if row.mask else None) for row in table.rows
    ]
    wanted = {path for pair in places for path in pair if path is not None}
    known = digests(sorted(wanted, key=os.fspath), index, now_ns)
    content: dict[str, object] = {
        "rows": _rows(table, places, known, serving),
        "bad": [asdict(bad) for bad in table.bad],
        "empty": list(table.empty),
        "spans": [dict(span) for span in spans],
    }
    listing = canonical_json(content)
    staged = store.stage("data.listing")
    (staged / "listing.json").write_bytes(listing)
    digest = store.publish(staged)
    return Artifact(TYPE, digest, store.path(digest), {"pictures": len(table.rows), "folders": len(folders)})


def _rows(table: Table, places: Sequence[_Places], known: dict[Path, str], serving: bool) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for row, (image, mask) in zip(table.rows, places, strict=True):
        values = {name: value for name, value in vars(row).items() if name not in ("line", "extra")}
        if serving:
            values["extra"] = dict(row.extra)
        values["sha256"] = known.get(image, "")
        values["mask_sha256"] = known.get(mask, "") if mask else ""
        rows.append(values)
    return rows
