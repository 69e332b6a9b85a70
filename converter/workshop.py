"""The parent's side of `converter.child`: has it started, hands it jobs, gives up on those that take too long."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from converter import children
from edge_agent.contracts.errors import Unavailable

JOB_LIMIT_S = 900.0
_PIECE = 1 << 16


@dataclass(frozen=True)
class Job:
    """One piece of work for the child: what kind, and its fields (JSON)."""

    id: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    def line(self, log: Path) -> bytes:
        """Return the job as the child reads it; `log` is the folder of its log."""
        return json.dumps({"id": self.id, "kind": self.kind, "log": str(log), **self.fields}).encode() + b"\n"


@dataclass(frozen=True)
class Answer:
    """What became of a job: `code` is "" for success, else e.g. CONVERTER_ABORT, and `reason` says why."""

    code: str
    reason: str
    fields: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether the job succeeded."""
        return not self.code


class Workshop:
    """A context in which conversions can run.

    TensorFlow is being imported from the moment it is entered, or was, where a child was forked ahead.
    """

    def __init__(self, folder: Path, parallel: int | None = None, limit_s: float = JOB_LIMIT_S) -> None:
        self.folder = folder
        self.parallel = parallel or max(1, min(4, len(os.sched_getaffinity(0))))
        self.limit_s = limit_s
        self._received = bytearray()

    def __enter__(self) -> Workshop:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._child = children.take() or children.start(self.folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.close()

    def run(self, jobs: Iterable[Job], done: Callable[[Job, Answer], None] | None = None) -> dict[str, Answer]:
        """Run the jobs, `parallel` at a time, and return their answers by id. One that fails stops no other."""
        waiting, running, answers = list(jobs), dict[str, tuple[Job, float]](), dict[str, Answer]()
        while waiting or running:
            while waiting and len(running) < self.parallel:
                job = waiting.pop(0)
                running[job.id] = (job, time.monotonic() + self.limit_s)
                self._send(job)
            for name, answer in self._next(running):
                job = running.pop(name)[0]
                answers[name] = answer
                if done:
                    done(job, answer)
        return answers

    def _send(self, job: Job) -> None:
        try:
            self._child.jobs.write(job.line(self.folder))
            self._child.jobs.flush()
        except BrokenPipeError as error:
            raise self._gone() from error

    def _next(self, running: dict[str, tuple[Job, float]]) -> list[tuple[str, Answer]]:
        """Wait for the next answers, or for the first running job's time to be up."""
        remaining = min(end for _, end in running.values()) - time.monotonic()
        if remaining <= 0 or not self._wait(remaining):
            raise Unavailable(f"{', '.join(running)}: no answer after {self.limit_s:.0f} s; give the converter more")
        data = os.read(self._child.answers.fileno(), _PIECE)
        if not data:
            raise self._gone()
        self._received += data
        *lines, rest = bytes(self._received).split(b"\n")
        self._received = bytearray(rest)
        return [_answer(json.loads(line)) for line in lines]

    def _wait(self, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.answers, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def _gone(self) -> Unavailable:
        log = self.folder / "import.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        last = f" ({lines[-1][:300]})" if lines else ""
        return Unavailable(f"the conversion process ended{last}; is lineside[trainer] installed, is memory enough?")


def _answer(message: dict[str, Any]) -> tuple[str, Answer]:
    name, ok = message.pop("id"), message.pop("ok")
    code, reason = message.pop("code", ""), message.pop("reason", "")
    return name, Answer("" if ok else code or "CONVERTER_ERROR", reason, message)
