"""The page of a run in which nothing had to be done: that of the run which did it."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.pipeline.cache import write_atomically
from trainer.pipeline.runs import RunRecord, Runs

FILE, STATISTICS = "report.html", "statistics.html"


def reuse_report(record: RunRecord, runs: Runs) -> bool:
    """Link the newest page whose run ended with the same outputs, and its statistics, into the record's folder.

    Returns False if there is none.
    """
    outputs = [step.outputs for step in record.steps]
    for name in reversed(runs.names()):
        page = runs.path(name) / FILE
        if name != record.run and page.is_file() and [s.outputs for s in runs.load(name).steps] == outputs:
            for file in (FILE, STATISTICS):
                if (runs.path(name) / file).is_file():
                    _share(runs.path(name) / file, runs.path(record.run) / file)
            return True
    return False


def _share(source: Path, target: Path) -> None:
    """Link a file, or copy it: not every file system has links, a share of Windows or a stick for instance."""
    try:
        os.link(source, target)
    except OSError:
        write_atomically(target, source.read_bytes())
