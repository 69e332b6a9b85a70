"""A small pipeline of real steps in a package of its own, run by the real runner in the real worker process."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.pipeline.closure import Imports
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.progress import Lines
from trainer.pipeline.runner import Driver, Runner
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.step import Artifact, Step

_STEPS = """
import os
import signal

from edge_agent.contracts.errors import Rejected
from toy.words import greeting


def first(data, text, word, context):
    (text / "text").write_text(word + " " + (data / "data").read_text())
    return {"text": {"length": len(word)}}


def second(text, loud, mode, context):
    calls = context.scratch / "calls"
    calls.write_text(str(int(calls.read_text()) + 1) if calls.exists() else "1")
    context.progress("half", 0.5)
    if mode == "reject":
        raise Rejected("found nonsense")
    if mode == "break":
        raise RuntimeError("unforeseen")
    if mode == "die" and calls.read_text() == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    (loud / "text").write_text(greeting() + (text / "text").read_text().upper() + calls.read_text())
    return {"loud": {"blessed": int(mode != "curse"), "reasons": ["cursed"] if mode == "curse" else []}}


def third(loud, end, context):
    (end / "end").write_text((loud / "text").read_text()[::-1])
"""
_WORDS = "def greeting():\n    return 'hello '\n"


@dataclass
class Toy:
    """The pipeline's folder, and how to run it."""

    folder: Path

    @property
    def root(self) -> Path:
        """Root of all results."""
        return self.folder / "root"

    @property
    def home(self) -> Path:
        """Folder of the package `toy`."""
        return self.folder / "code"

    def edit(self, name: str, text: str) -> None:
        """Replace a source file of the package."""
        (self.home / "toy" / name).write_text(text)

    def driver(self) -> Driver:
        """Open the root."""
        return Driver(self.root, Imports(None, self.home, ("toy",)))

    def run(
        self, mode: str = "", word: str = "some", data: str = "data", **how: Any
    ) -> tuple[dict[str, Artifact], RunRecord]:
        """Run all steps; return what is known at the end, and the record. `how` goes to the runner."""
        return self.run_graph(self.graph(mode, word), data, **how)

    def run_graph(self, graph: Graph, data: str = "data", **how: Any) -> tuple[dict[str, Artifact], RunRecord]:
        """The same with other steps."""
        runs = Runs(self.root)
        runs.close_killed(1_000)
        with runs.begin(1_000) as name:
            record = RunRecord(name, "toy", 1_000)
            driver = self.driver()
            try:
                runner = Runner(driver, record, Lines(io.StringIO()), _clock(), **how)
                return runner.run(graph, {"data": self.data(driver, data)}), record
            finally:
                runs.save(record)
                driver.close()

    def data(self, driver: Driver, text: str) -> Artifact:
        """Put the pipeline's input into the store."""
        staged = driver.store.stage("data")
        (staged / "data").write_text(text)
        digest = driver.store.publish(staged)
        return Artifact("RawImages", digest, driver.store.path(digest))

    def graph(self, mode: str = "", word: str = "some") -> Graph:
        """Return the three steps."""
        steps = [
            Step("First", "toy.steps:first", {"data": "data"}, {"text": "Examples"}, {"word": word}),
            Step("Second", "toy.steps:second", {"text": "First.text"}, {"loud": "Model"}, {"mode": mode}),
            Step("Third", "toy.last:third", {"loud": "Second.loud"}, {"end": "PushedModel"}),
        ]
        return build_graph("toy", steps, ["data"])


def _clock():
    import itertools

    ticks = itertools.count(1_000_000)
    return lambda: float(next(ticks))


def make_toy(folder: Path) -> Toy:
    """Write the package and return the pipeline; `folder/code` must be on the worker's path."""
    package = folder / "code" / "toy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text(_WORDS)
    first_two, _, third = _STEPS.partition("\n\ndef third")
    (package / "steps.py").write_text(first_two + "\n")
    (package / "last.py").write_text("def third" + third)
    return Toy(folder)
