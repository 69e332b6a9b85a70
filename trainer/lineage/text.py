"""From an artifact back to the data it was made of, as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError
from trainer.delivery import history
from trainer.lineage.origins import Origins
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry

_SHORTEST = 6


def lineage_of(root: Path, wanted: str) -> list[str]:
    """Return lines that lead from an artifact back to the data.

    `wanted` is (the beginning of) a digest, a bundle's ID or folder, or MODEL@VERSION. Raises ConfigError when the root
    knows nothing of it.
    """
    driver = Driver(root)
    try:
        return lineage_lines(driver, digest_of(root, driver, wanted))
    finally:
        driver.close()


def lineage_lines(driver: Driver, digest: str) -> list[str]:
    """Return the same for an artifact of the store by (the beginning of) its digest; nothing when it is unknown."""
    entries = driver.index.made(digest) if len(digest) >= _SHORTEST else []
    if not entries:
        return []
    origins = Origins(driver.index.entries().values())
    return list(_lines(driver, origins, digest, entries[-1], "", set()))


def digest_of(root: Path, driver: Driver, wanted: str) -> str:
    """Turn (the beginning of) a digest, a bundle's ID or folder, or MODEL@VERSION into the digest of an artifact.

    Raises ConfigError when the root knows nothing of it.
    """
    identity = wanted
    if (Path(wanted) / "manifest.json").is_file():
        identity = BundleFolder(Path(wanted)).id
    for entry in history.load(root):
        if identity == f"{entry.model}@{entry.version}":
            identity = entry.bundle
    asked = driver.index.bundle(identity) or identity
    made = driver.index.made(asked) if len(asked) >= _SHORTEST else []
    found = [s.digest for entry in made for s in entry.outputs.values() if s.digest.startswith(asked)]
    if not found:
        raise ConfigError(f"{root} knows no artifact '{wanted}'; give a digest, a bundle or MODEL@VERSION")
    return found[-1]


def _lines(
    driver: Driver, origins: Origins, digest: str, entry: Entry, indent: str, seen: set[str], role: str = ""
) -> Iterator[str]:
    name, stored = next((n, s) for n, s in entry.outputs.items() if s.digest.startswith(digest))
    version = f" {stored.properties['version']}" if "version" in stored.properties else ""
    made = f"({entry.step}.{name}, run {entry.run}, {utc(entry.created_ms)} UTC)"
    yield f"{indent}{role}{stored.type} {stored.digest[:12]}{version} {made}"
    if entry.parts.key in seen:
        yield f"{indent}  … as above"
        return
    seen.add(entry.parts.key)
    if "override_by" in stored.properties:
        yield f"{indent}  {stored.properties['reasons'][0]}"
    yield f"{indent}  code {entry.parts.code_digest[:12]}, libraries {entry.parts.environment_digest[:12]}"
    for keyword, used in entry.parts.inputs.items():
        maker = origins.maker(used, entry) if used else None
        if maker is not None:
            yield from _lines(driver, origins, used, maker, indent + "  ", seen, f"{keyword}: ")
        elif used:
            yield f"{indent}  {keyword}: {_content(driver, used)}"


def utc(milliseconds: int) -> str:
    """Return a moment in UTC to the second."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _content(driver: Driver, digest: str) -> str:
    title, (short, what) = content_of(driver, digest)
    return f"{title} {short} ({what})"


def content_of(driver: Driver, digest: str) -> tuple[str, tuple[str, str]]:
    """Return what kind of data a listing names, its short digest, and how much there is of it."""
    path = driver.store.path(digest) / "listing.json"
    if not path.is_file():
        return "data", (digest[:12], "its listing is gone")
    listing = json.loads(path.read_text(encoding="utf-8"))
    if "files" in listing:
        count = len(listing["files"])
        return "RawTables", (digest[:12], f"{count} file{'' if count == 1 else 's'}")
    rows = listing["rows"]
    return "RawImages", (digest[:12], f"{len(rows)} pictures of {len({row['part'] for row in rows})} parts")
