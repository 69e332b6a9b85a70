"""The toy pipeline as a program of its own, which can be made to die by SIGKILL at a named point.

`python -m tests.simulators.toy_command FOLDER [--jobs N] [--die POINT] [--wide | --tfx]` prints the steps' status.
Points, all of the second step: `made` (noted nowhere), `noted` (not in the store), `renamed` (ML Metadata does not
know), `recorded` (ML Metadata knows, the index does not), `indexed` (still noted as running).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from edge_agent.contracts.errors import LinesideError
from tests.simulators.toy_pipeline import Toy
from trainer.pipeline.cache import Store
from trainer.pipeline.graph import Graph
from trainer.pipeline.index import Index
from trainer.pipeline.metadata import Metadata

POINTS = {
    "made": (Index, "stored", False, 2),
    "noted": (Index, "stored", True, 2),
    "renamed": (Store, "publish", True, 3),
    "recorded": (Metadata, "complete", True, 2),
    "indexed": (Index, "add", True, 2),
}
"""Whose method, killed before it or after, at which of its calls."""


def die_at(point: str) -> None:
    """Let this process be killed at a point."""
    owner, name, after, call = POINTS[point]
    original, passed = getattr(owner, name), [0]

    def doomed(self, *arguments):
        passed[0] += 1
        if passed[0] == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(self, *arguments)
        if passed[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, doomed)


def main() -> None:
    """Run the pipeline of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--die", choices=list(POINTS))
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--tfx", action="store_true")
    parser.add_argument("--slow", action="store_true", help="as --wide, each step lasts a minute")
    parser.add_argument("--large", type=int, help="megabytes to write", default=0)
    parser.add_argument("--metadata-url", default="")
    chosen = parser.parse_args()
    if chosen.die:
        die_at(chosen.die)
    toy = Toy(chosen.folder)
    try:
        _, record = toy.run_graph(_graph(toy, chosen), jobs=chosen.jobs, metadata_url=chosen.metadata_url)
    except LinesideError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps({step.name: step.status for step in record.steps}) + "\n")


def _graph(toy: Toy, chosen: argparse.Namespace) -> Graph:
    if chosen.large:
        return toy.large(chosen.large)
    if chosen.slow:
        return toy.wide(60.0)
    return toy.wide() if chosen.wide else toy.named_as_in_tfx() if chosen.tfx else toy.graph()


if __name__ == "__main__":
    main()
