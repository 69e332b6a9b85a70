"""Garbage collection: which content of a root is still needed, and the removal of all else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry
from trainer.pipeline.lock import file_lock, is_held
from trainer.pipeline.metadata import FILE, Metadata
from trainer.pipeline.runs import RunRecord, Runs, unfinished
from trainer.pipeline.space import tree_size


@dataclass(frozen=True)
class Waste:
    """What nobody needs any more: contents and keys to forget, checkpoints (folders); and how large what stays is."""

    digests: dict[str, int] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    scratch: dict[str, int] = field(default_factory=dict)
    kept_bytes: int = 0

    @property
    def size(self) -> int:
        """How many bytes that is."""
        return sum(self.digests.values()) + sum(self.scratch.values())


def needed(entries: Mapping[str, Entry], wanted: Iterable[str]) -> set[str]:
    """Return the wanted contents with all that they were made of, back to the data. Rule only."""
    makers: dict[str, list[Entry]] = {}
    for entry in entries.values():
        for stored in entry.outputs.values():
            makers.setdefault(stored.digest, []).append(entry)
    found: set[str] = set()
    waiting = [digest for digest in wanted if digest]
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            waiting += [used for entry in makers.get(digest, ()) for used in entry.parts.inputs.values() if used]
    return found


def roots_of(records: Iterable[RunRecord]) -> set[str]:
    """Return the contents that runs made or used, as far as their records say. Rule only."""
    return {digest for record in records for step in record.steps for digest in step.outputs.values()}


def keys_to_forget(entries: Mapping[str, Entry], gone: Iterable[str]) -> tuple[str, ...]:
    """Return the keys whose outputs are among the contents that go. Rule only."""
    lost = set(gone)
    return tuple(key for key, entry in entries.items() if any(s.digest in lost for s in entry.outputs.values()))


def find_waste(driver: Driver, blessed: Iterable[str], keep_runs: int) -> Waste:
    """Look for what nobody needs: not the `blessed` contents, the last `keep_runs` runs, living ones, or `resume`.

    To be called under the root's lock against use (`collect` does), or to say what would go.
    """
    runs = Runs(driver.root)
    records = runs.last()
    living = [record for record in records if runs.is_alive(record.run)]
    to_resume = unfinished(records)
    kept = [*records[:keep_runs], *living, *([to_resume] if to_resume else [])]
    pins = {digest for run, digests in driver.index.pins().items() if runs.is_alive(run) for digest in digests}
    entries = driver.index.entries()
    stay = needed(entries, {*blessed, *roots_of(kept), *pins})
    there = {path.name: path for path in driver.store.cas.glob("*/*") if path.is_dir()}
    gone = {digest: tree_size(path) for digest, path in there.items() if digest not in stay}
    return Waste(
        gone,
        keys_to_forget(entries, gone),
        _old_scratch(driver, {step.key[:16] for record in kept for step in record.steps}),
        sum(tree_size(path) for digest, path in there.items() if digest in stay),
    )


def _old_scratch(driver: Driver, used: set[str]) -> dict[str, int]:
    """Return checkpoints of which no kept run knows and at which nobody works."""
    folders = driver.store.scratch.iterdir() if driver.store.scratch.is_dir() else ()
    idle = [f for f in folders if f.name not in used and not is_held(driver.store.locks / f"key-{f.name}")]
    return {folder.name: tree_size(folder) for folder in idle}


def collect(
    driver: Driver,
    blessed: Callable[[], Iterable[str]],
    keep_runs: int,
    metadata_url: str,
    report: Callable[[str], None],
) -> Waste:
    """Remove what nobody needs, and what killed runs left half done; return what nobody needed.

    Runs may go on meanwhile: nothing is looked up while the waste is taken out of the store, and what they use stays.
    The index forgets first, so that a collection that is killed leaves nothing that is known and not there.
    """
    store = driver.store
    store.sweep()
    with file_lock(store.locks / "use", waiting=lambda process: report(f"waits for process {process}")):
        waste = find_waste(driver, blessed(), keep_runs)
        for key in waste.keys:
            driver.index.forget(key)
        taken_out = store.stage("waste")
        for digest in waste.digests:
            store.path(digest).rename(taken_out / digest)
        for name in waste.scratch:
            (store.scratch / name).rename(taken_out / f"scratch-{name}")
    if metadata_url or (driver.root / FILE).is_file():
        report("ML Metadata")
        Metadata(driver.root, metadata_url).mark_deleted(store.cas)
    report(f"removing {len(waste.digests)} contents")
    shutil.rmtree(taken_out, ignore_errors=True)
    return waste
