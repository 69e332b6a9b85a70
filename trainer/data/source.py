"""The data of a run, named by its exact content: every picture's digest, and the tables that describe them."""

from __future__ import annotations

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
    wanted = {folders[row.folder] / name for row in table.rows for name in (row.image, row.mask) if name}
    known = digests(sorted(wanted), index, now_ns)
    content: dict[str, object] = {
        "rows": _rows(table, folders, known, serving),
        "bad": [asdict(bad) for bad in table.bad],
        "empty": list(table.empty),
        "spans": [dict(span) for span in spans],
    }
    listing = canonical_json(content)
    staged = store.stage("data.listing")
    (staged / "listing.json").write_bytes(listing)
    digest = store.publish(staged)
    return Artifact(TYPE, digest, store.path(digest), {"pictures": len(table.rows), "folders": len(folders)})


def _rows(table: Table, folders: Sequence[Path], known: dict[Path, str], serving: bool) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for row in table.rows:
        folder = folders[row.folder]
        values = {name: value for name, value in asdict(row).items() if name not in ("line", "extra")}
        if serving:
            values["extra"] = dict(row.extra)
        values["sha256"] = known.get(folder / row.image, "")
        values["mask_sha256"] = known.get(folder / row.mask, "") if row.mask else ""
        rows.append(values)
    return rows
