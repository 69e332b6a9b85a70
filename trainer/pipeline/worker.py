"""The child process in which executors run: what they import is imported once, and dies with it.

Protocol: one JSON object a line. In: a job, or `{"modules": names, "converts": yes or no}`, what to import for jobs to
come, which is not answered. Out: `{"progress": text, "done": share}` while it runs, at the end
`{"result": properties}` or `{"error": kind, "message": text}`. Everything an executor or a library prints goes to
standard error, which is the run's log file. End of input, also by the death of the parent, ends the process.
"""

from __future__ import annotations

import errno
import fcntl
import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable
from trainer.pipeline.libraries import bring_up
from trainer.pipeline.lifeline import follow
from trainer.pipeline.step import Context

_KINDS = {kind.__name__: kind for kind in (Rejected, Unavailable, ConfigError)}


def main() -> None:
    """Serve jobs until standard input ends. The first argument is the end of the parent's lifeline."""
    follow(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.excepthook = lambda kind, error, trace: _last_words(answers, kind, error, trace)
    for line in _lines_of_living_parent():
        asked = json.loads(line)
        if "modules" in asked:
            bring_up(**asked)
        else:
            _serve(asked, answers)


def _lines_of_living_parent() -> Iterator[str]:
    """Yield standard input's lines; when it ends the process exits at once, even in the middle of a job."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        _end_with_children()

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


def _serve(job: dict[str, Any], answers: TextIO) -> None:
    def say(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")

    try:
        say(result=_call(job, lambda text, done: say(progress=text, done=done)))
    except LinesideError as error:
        _note_trace()
        kind = next((name for name, kind in _KINDS.items() if isinstance(error, kind)), type(error).__name__)
        say(error=kind, message=str(error))
    except Exception as error:
        if not _is_full(error):
            raise
        _note_trace()
        say(error=Unavailable.__name__, message="the disk is full; free space and run again")


def _note_trace() -> None:
    with suppress(OSError):  # the log may lie on a full disk
        traceback.print_exc()


def _is_full(error: Exception) -> bool:
    """Say whether an error is that of a full disk, which libraries have words of their own for."""
    by_number = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return by_number or os.strerror(errno.ENOSPC) in str(error)


def _last_words(answers: TextIO, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell the parent what this process dies of: an error that no executor meant to raise."""
    traceback.print_exception(kind, error, trace)
    answers.write(json.dumps({"error": "unexpected", "message": f"{kind.__name__}: {error}"}) + "\n")


def _end_with_children() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _call(job: dict[str, Any], report: Callable[[str, float | None], None]) -> dict[str, Any]:
    module, _, name = job["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    paths = {key: None if path is None else Path(path) for key, path in job["paths"].items()}
    scratch = Path(job["scratch"])
    with _own(scratch):
        made = function(**paths, **job["values"], context=Context(scratch, report))
    return dict(made or {})


@contextmanager
def _own(scratch: Path) -> Iterator[None]:
    """Wait until no other worker writes checkpoints there: one whose parent was killed lives a moment longer."""
    handle = os.open(scratch, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def raise_error(answer: dict[str, Any], step: str, log: Path) -> None:
    """Raise in the parent what the executor raised in the worker."""
    kind = _KINDS.get(answer["error"])
    if kind is not None:
        raise kind(f"{step}: {answer['message']}")
    raise Unavailable(f"{step}: {answer['message']}; the log is {log}")


if __name__ == "__main__":
    main()
