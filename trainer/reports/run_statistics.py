"""The statistics page of a run."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.errors import ConfigError
from trainer.components.statistics_gen import load_statistics, ordered
from trainer.data.records import split_names
from trainer.pipeline.cache import Store, write_atomically
from trainer.pipeline.runs import Runs
from trainer.reports.statistics import statistics_page

FILE = "statistics.html"


def run_statistics(root: Path, name: str = "") -> tuple[str, str]:
    """Return the name of a run and the page of its statistics.

    `name` "" means the last run that has any. Raises ConfigError when there is none.
    """
    runs, store = Runs(root), Store(root)
    runs.latest()
    for one in [name] if name else reversed(runs.names()):
        step = runs.load(one).step("StatisticsGen")
        digest = step.outputs.get("statistics", "") if step else ""
        if digest and store.path(digest).is_dir():
            return one, page_of(store.path(digest), f"{runs.load(one).pipeline} · data of run {one}")
    raise ConfigError(f"{root}: {'run ' + name if name else 'no run'} has no statistics; run the pipeline first")


def page_of(statistics: Path, title: str) -> str:
    """Return the page of a Statistics artifact."""
    found = {split: load_statistics(statistics, split) for split in ordered(split_names(statistics))}
    return statistics_page({split: one for split, one in found.items() if one is not None}, title)


def write_page(statistics: Path, title: str, folder: Path) -> None:
    """Write the page beside a run's report."""
    write_atomically(folder / FILE, page_of(statistics, title).encode())
