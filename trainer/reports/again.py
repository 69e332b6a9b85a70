"""The page of a run made again from what the store still holds."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.errors import ConfigError
from trainer.lineage.text import lineage_lines
from trainer.pipeline.driver import Driver
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.step import Known
from trainer.reports.page import write_report

_LAST = ("Converter.bundle", "Trainer.model", "ExampleGen.examples")


def known_of(record: RunRecord, driver: Driver) -> Known:
    """Return the artifacts of a run's steps that the store still holds; an override since then is among them."""
    known = {}
    for step in record.steps:
        entry = driver.index.find(step.key) if step.key else None
        for name, stored in (entry.outputs if entry else {}).items():
            if driver.store.path(stored.digest).is_dir():
                known[f"{step.name}.{name}"] = driver.artifact(stored)
    return known


def write_again(root: Path, run: str = "") -> Path:
    """Write the page of a run (the newest unless named) and return its path. Raises ConfigError."""
    runs = Runs(root)
    record = runs.load(run) if run else runs.latest()
    driver = Driver(root)
    try:
        known = known_of(record, driver)
        if not known:
            raise ConfigError(f"run {record.run}: the store holds nothing of it any more; run the pipeline again")
        last = next((known[name] for name in _LAST if name in known), None)
        lines = lineage_lines(driver, last.digest) if last else []
        target = runs.path(record.run) / "report.html"
        target.unlink(missing_ok=True)
        write_report(record, known, lines, target)
    finally:
        driver.close()
    return target
