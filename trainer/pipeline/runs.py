"""What is kept of each run: one JSON file in `ROOT/runs/<run id>/`, replaced whole after every step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.cache import write_atomically, writing
from trainer.pipeline.lock import file_lock, holder, is_held

FILE, ALIVE = "run.json", "alive"
KILLED = "the process was killed"
_NOT_COMPARED = ("taken", "jobs")
"""Arguments that two runs of the same request may differ in."""


@dataclass
class StepRecord:
    """How a step went: `done`, `cached`, `skipped`, `failed` or `running`. `outputs` maps names to digests."""

    name: str
    status: str
    seconds: float = 0.0
    key: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    remark: str = ""


@dataclass
class RunRecord:
    """A run. `state` is `running`, `done` or `failed`; a killed one stays `running` until the next begins."""

    run: str
    pipeline: str
    started_ms: int
    state: str = "running"
    ended_ms: int = 0
    error: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """Say what was judged of the model: `blessed`, `released by NAME`, `not blessed`, "" where none was judged."""
        if self.result.get("blessed"):
            by = self.result.get("released_by")
            return f"released by {by}" if by else "blessed"
        return "not blessed" if self.result.get("metrics") or self.result.get("reasons") else ""

    def step(self, name: str) -> StepRecord | None:
        """Return a step's record."""
        return next((step for step in self.steps if step.name == name), None)


def in_short(reasons: Sequence[str]) -> str:
    """Return the first reason and how many more there are; "" where there is none."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return reasons[0] + more if reasons else ""


def unfinished(records: Sequence[RunRecord]) -> RunRecord | None:
    """Return the last run that did not finish, of `records` with the newest first; None when there is none.

    One whose arguments a later run brought to an end is finished. Rule only.
    """
    ended: list[dict[str, Any]] = []
    for record in records:
        compared = {name: value for name, value in record.arguments.items() if name not in _NOT_COMPARED}
        if record.state == "done":
            ended.append(compared)
        elif compared not in ended:
            return record
    return None


def run_id(now_ms: int, taken: set[str]) -> str:
    """Name a run by its start in UTC; a number is added when that second is taken."""
    base = datetime.fromtimestamp(now_ms / 1000, timezone.utc).strftime("%Y%m%d-%H%M%S")
    names = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


class Runs:
    """The folder of all runs of a root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "runs"

    def path(self, run: str) -> Path:
        """Folder of a run."""
        return self.folder / run

    def names(self) -> list[str]:
        """Return the names of all runs, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if (p / FILE).is_file())

    def save(self, record: RunRecord) -> None:
        """Write the record."""
        write_atomically(self.path(record.run) / FILE, json.dumps(asdict(record), indent=1).encode())

    def forget(self, run: str) -> None:
        """Remove the folder of a run that began no step."""
        shutil.rmtree(self.path(run), ignore_errors=True)

    def load(self, run: str) -> RunRecord:
        """Read a record. Raises ConfigError for an unknown run or a damaged file."""
        path = self.path(run) / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            steps = [StepRecord(**step) for step in content.pop("steps")]
            return RunRecord(**content, steps=steps)
        except FileNotFoundError as error:
            known = ", ".join(self.names()[-5:]) or "none"
            raise ConfigError(f"{self.folder.parent}: no record of a run '{run}'; the last ones: {known}") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{path}: the record cannot be read ({error}); remove the run's folder") from error

    def latest(self) -> RunRecord:
        """Return the newest run. Raises ConfigError when there is none."""
        names = self.names()
        if not names:
            raise ConfigError(f"{self.folder.parent}: nothing ran here yet; start with 'trainer pipeline run'")
        return self.load(names[-1])

    def latest_made(self) -> RunRecord:
        """Return the newest run that ended well or finished a step, else the newest. Raises as `latest`.

        What failed at once (a database that is not there, say) tells nothing of where results and lineage are.
        """
        known = self.last()
        made = (one for one in known if one.state == "done" or any(step.status == "done" for step in one.steps))
        return next(made, None) or self.latest()

    def last(self) -> list[RunRecord]:
        """Return all records, newest first."""
        return sorted((self.load(name) for name in self.names()), key=lambda r: (r.started_ms, r.run), reverse=True)

    @contextmanager
    def begin(self, now_ms: int) -> Iterator[str]:
        """Name a new run and hold its lock: `is_alive` is true of it until the block, or this process, ends."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            while True:
                name = run_id(now_ms, {path.name for path in self.folder.iterdir()})
                try:
                    self.path(name).mkdir()
                    break
                except FileExistsError:
                    continue
        with file_lock(self.path(name) / ALIVE):
            yield name

    def is_alive(self, run: str) -> bool:
        """Say whether the run's process lives and works on it."""
        return is_held(self.path(run) / ALIVE)

    def process(self, run: str) -> str:
        """Return the number of the run's process."""
        return holder(self.path(run) / ALIVE)

    def close_killed(self, now_ms: int) -> None:
        """Mark runs whose process was killed as failed."""
        for name in self.names():
            record = self.load(name)
            if record.state == "running" and not self.is_alive(name):
                record.state, record.error, record.ended_ms = "failed", KILLED, now_ms
                for step in record.steps:
                    step.status = "failed" if step.status == "running" else step.status
                self.save(record)
