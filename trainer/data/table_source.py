"""The data of a run on tables: the contents of the files, and no names: a renamed or moved file is the same data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import Rejected
from trainer.pipeline.cache import Store
from trainer.pipeline.files import digests
from trainer.pipeline.index import Index
from trainer.pipeline.step import Artifact
from trainer.tabular.files import tables_in

TYPE = "RawTables"


def list_tables(
    places: Sequence[Path],
    store: Store,
    index: Index,
    now_ns: Callable[[], int],
    spans: Sequence[Mapping[str, int]] = (),
) -> Artifact:
    """Return the artifact that lists the digests of all files of the places (files or folders of files).

    They are in the order of their digests, whatever the files are called and wherever they lie. `spans` says which
    places are spans of data, see `trainer.data.folders`. A file that did not change is not read again. Raises as
    `tables_in`, and Rejected for a file that cannot be read.
    """
    found = tables_in(places)
    known = digests([file.path for file in found], index, now_ns)
    unreadable = [file.path for file in found if file.path not in known]
    if unreadable:
        raise Rejected(f"{unreadable[0]}: cannot be read; correct its permissions")
    listed = sorted((known[file.path], file.format) for file in found)
    rows = [{"format": how, "sha256": sha256} for sha256, how in listed]
    staged = store.stage("data.listing")
    (staged / "listing.json").write_bytes(canonical_json({"files": rows, "spans": [dict(span) for span in spans]}))
    digest = store.publish(staged)
    return Artifact(TYPE, digest, store.path(digest), {"files": len(rows)})
