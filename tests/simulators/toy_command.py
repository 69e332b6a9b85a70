"""The toy pipeline as a program of its own, which can be made to die by SIGKILL at a named point.

`python -m tests.simulators.toy_command FOLDER [--jobs N] [--die POINT] [--wide]`; prints each step's status as JSON.
Points: `published` (renamed into the store, noted nowhere), `noted` (ML Metadata does not know), `recorded` (ML
Metadata knows, the index does not), `indexed` (still noted as running).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from tests.simulators.toy_pipeline import Toy
from trainer.pipeline.index import Index
from trainer.pipeline.metadata import Metadata

POINTS = {
    "published": (Index, "stored", False),
    "noted": (Metadata, "complete", False),
    "recorded": (Metadata, "complete", True),
    "indexed": (Index, "add", True),
}


def die_at(point: str, call: int = 2) -> None:
    """Let this process be killed at the `call`-th pass of a point: before it, or after."""
    owner, name, after = POINTS[point]
    original, passed = getattr(owner, name), [0]

    def doomed(self, *arguments):
        passed[0] += 1
        if passed[0] == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, *arguments)
        if passed[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, doomed)


def main() -> None:
    """Run the pipeline of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--die", choices=list(POINTS))
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--metadata-url", default="")
    chosen = parser.parse_args()
    if chosen.die:
        die_at(chosen.die)
    toy = Toy(chosen.folder)
    graph = toy.wide() if chosen.wide else toy.graph()
    _, record = toy.run_graph(graph, jobs=chosen.jobs, metadata_url=chosen.metadata_url)
    sys.stdout.write(json.dumps({step.name: step.status for step in record.steps}) + "\n")


if __name__ == "__main__":
    main()
