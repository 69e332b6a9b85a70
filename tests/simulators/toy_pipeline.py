"""A small pipeline of real steps in a package of its own, run by the real runner in the real worker process."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.pipeline.closure import Imports
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.progress import Lines
from trainer.pipeline.runner import Runner
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.step import Artifact, Step

_STEPS = """
import os
import signal

from edge_agent.contracts.errors import Rejected
from toy.dying import perhaps_die
from toy.words import greeting


def first(data, text, word, context):
    perhaps_die("First")
    (text / "text").write_text(word + " " + (data / "data").read_text())
    return {"text": {"length": len(word)}}


def second(text, loud, mode, context):
    perhaps_die("Second")
    calls = context.scratch / "calls"
    calls.write_text(str(int(calls.read_text()) + 1) if calls.exists() else "1")
    context.progress("half", 0.5)
    if mode == "reject":
        raise Rejected("found nonsense")
    if mode == "special":
        raise type("Special", (Rejected,), {})("found something special")
    if mode == "break":
        raise RuntimeError("unforeseen")
    if mode == "die" and calls.read_text() == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    (loud / "text").write_text(greeting() + (text / "text").read_text().upper() + calls.read_text())
    return {"loud": {"blessed": int(mode != "curse"), "reasons": ["cursed"] if mode == "curse" else []}}


def third(loud, end, context):
    from toy.dying import perhaps_die

    perhaps_die("Third")
    (end / "end").write_text((loud / "text").read_text()[::-1])
"""
_DYING = """
import os
import signal
import time
from pathlib import Path


def perhaps_die(step):
    # Kill the pipeline's process if the file that TOY_KILL names asks for it in this step, once.
    asked = Path(os.environ.get("TOY_KILL", "none"))
    if asked.is_file() and asked.read_text() == step:
        asked.unlink()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
"""
_WIDE = """
import time
from pathlib import Path

from edge_agent.contracts.errors import Rejected


def examples(data, examples, context):
    for split in ("train", "eval"):
        (examples / f"Split-{split}").mkdir()
        (examples / f"Split-{split}" / "text").write_text(split)


def model(examples, model, context):
    (model / "weights").write_text((examples / "Split-train" / "text").read_text())


def large(data, text, megabytes, context):
    (text / "text").write_bytes(bytes(range(256)) * 4096 * megabytes)


def part(text, word, seconds, fails, log, context, **inputs):
    with Path(log).open("a") as file:
        file.write(f"begin {text.name} {time.monotonic()}\\n")
    time.sleep(seconds / 4 if fails else seconds)
    if fails:
        raise Rejected("asked to fail")
    found = [(path / "text").read_text() for path in inputs.values() if (path / "text").is_file()]
    (text / "text").write_text(word + "(" + " ".join(found) + ")")
    with Path(log).open("a") as file:
        file.write(f"end {text.name} {time.monotonic()}\\n")
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
                with driver.using():
                    source = self.data(driver, data)
                    driver.index.pin(name, [source.digest])
                made = runner.run(graph, {"data": source})
                record.state = "done"
                return made, record
            finally:
                driver.close()
                runs.save(record)

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

    def wide(self, seconds: float = 1.0, fails: str = "", alike: bool = False) -> Graph:
        """Return two steps that need only the data, two that need one of them, and one that needs all.

        With `alike` the first two have the same key.
        """
        inputs = {
            "Left": {"a": "data"},
            "Right": {"a": "data"},
            "After": {"a": "Left.text"},
            "Beside": {"a": "Right.text"},
            "Join": {"a": "After.text", "b": "Beside.text"},
        }
        where = {"log": str(self.log)}
        steps = [
            Step(name, "toy.wide:part", used, {"text": "Examples"}, self._part(name, seconds, fails, alike), where)
            for name, used in inputs.items()
        ]
        return build_graph("toy", steps, ["data"])

    def named_as_in_tfx(self) -> Graph:
        """Return three steps that are called as TFX calls its components."""
        made = {"seconds": 0.2, "fails": False, "word": "x"}
        where = {"log": str(self.log)}
        steps = [
            Step("ExampleGen", "toy.wide:examples", {"data": "data"}, {"examples": "Examples"}),
            Step(
                "StatisticsGen",
                "toy.wide:part",
                {"a": "ExampleGen.examples"},
                {"text": "ExampleStatistics"},
                made,
                where,
            ),
            Step("Trainer", "toy.wide:model", {"examples": "ExampleGen.examples"}, {"model": "Model"}),
        ]
        return build_graph("toy", steps, ["data"])

    def large(self, megabytes: int) -> Graph:
        """Return a small step and one that writes so much."""
        steps = [
            Step("First", "toy.steps:first", {"data": "data"}, {"text": "Examples"}, {"word": "some"}),
            Step("Large", "toy.wide:large", {"data": "First.text"}, {"text": "Examples"}, {"megabytes": megabytes}),
        ]
        return build_graph("toy", steps, ["data"])

    @staticmethod
    def _part(name: str, seconds: float, fails: str, alike: bool) -> dict[str, Any]:
        return {"word": "" if alike else name, "seconds": seconds, "fails": name == fails}

    @property
    def log(self) -> Path:
        """Where the wide graph's steps note when they begin and end."""
        return self.folder / "log"

    def spans(self) -> dict[str, tuple[float, float]]:
        """Return when each of them began and ended."""
        times: dict[str, dict[str, float]] = {}
        for line in self.log.read_text().splitlines():
            what, name, when = line.split()
            times.setdefault(name.partition(".")[0], {})[what] = float(when)
        return {name: (found["begin"], found.get("end", found["begin"])) for name, found in times.items()}


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
    (package / "wide.py").write_text(_WIDE)
    (package / "dying.py").write_text(_DYING)
    (package / "last.py").write_text("def third" + third)
    return Toy(folder)
