"""Freeing the space of a root: what stays is what blessed models, pushed bundles and the last runs need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.delivery import history
from trainer.inspect import metadata_url_of
from trainer.pipeline.collection import collect, find_waste
from trainer.pipeline.driver import Driver
from trainer.pipeline.runs import Runs

_MEGA = 1_000_000


def collect_garbage(root: Path, keep_runs: int, dry_run: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Remove what is not needed, or only look; return counts and `bytes`.

    Raises ConfigError when nothing ran here, Unavailable when the disk or ML Metadata refuses.
    """
    runs = Runs(root)
    runs.latest()
    driver = Driver(root)

    def blessed() -> set[str]:
        return blessed_contents(root, driver)

    try:
        if dry_run:
            with driver.using():
                waste = find_waste(driver, blessed(), keep_runs)
        else:
            waste = collect(driver, blessed, keep_runs, _metadata_url(root), say)
    finally:
        driver.close()
    return {
        "dry_run": dry_run,
        "bytes": waste.size,
        "contents": len(waste.digests),
        "checkpoints": len(waste.scratch),
        "kept_bytes": waste.kept_bytes,
    }


def blessed_contents(root: Path, driver: Driver) -> set[str]:
    """Return the contents that blessed models consist of, their bundles and what was pushed of them among these."""
    known = history.load(root)
    found = {digest for one in known for digest in (one.data, one.examples, one.model_digest, one.evaluation)}
    bundles = {one.bundle for one in known}
    for entry in driver.index.entries().values():
        found |= {stored.digest for stored in entry.outputs.values() if stored.properties.get("bundle") in bundles}
    return found


def _metadata_url(root: Path) -> str:
    try:
        return metadata_url_of(root)
    except (ConfigError, KeyError):  # the recipe is gone: its lineage then lies in the root, where it does by default
        return ""


def megabytes(size: int) -> str:
    """Show a size."""
    return f"{size / _MEGA:.1f} MB"
