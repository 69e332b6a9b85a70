"""The process in which conversions happen: started when it is needed, or forked ahead of that.

A fork of a process that has imported TensorFlow needs no import of its own, which takes seconds. It is safe between the
import and TensorFlow's first operation alone: from then on there are threads, which no fork keeps.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_agent.contracts.program import python_program

_GPU = Path("/dev/nvidiactl")


@dataclass(frozen=True)
class Child:
    """A process that serves `converter.child`'s protocol: its number, where it reads jobs and where it answers."""

    process: int
    jobs: IO[bytes]
    answers: IO[bytes]
    end: Callable[[], None]
    """Ends the process with all that it converts, and waits for it."""

    def close(self) -> None:
        """End the process and what it does."""
        with suppress(BrokenPipeError):
            self.jobs.close()
        self.end()
        self.answers.close()


def start(log: Path) -> Child:
    """Start a child that imports TensorFlow first; `log` is a folder, for its temporary files, too."""
    # A session of its own, so that what is still converting ends with it.
    process = subprocess.Popen(
        python_program("converter.child", str(log)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(log)},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    return Child(process.pid, process.stdin, process.stdout, end)


_waiting: list[Child] = []


def fork_ahead() -> None:
    """Fork a child that waits for conversions, without effect where one waits or a GPU may have been opened.

    To be called when nothing but imports has been done with TensorFlow. The child ends with this process.
    """
    if _waiting or _GPU.exists():
        return
    from converter import child

    reader, jobs = os.pipe()
    answers, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.dup2(reader, 0)
            os.dup2(writer, 3)
            # The other ends of the pipes, of these and of this process's own, must not live on here.
            os.closerange(4, os.sysconf("SC_OPEN_MAX"))
            child.serve(3)
        finally:
            os._exit(1)
    os.close(reader)
    os.close(writer)
    # It reads the end of its jobs, kills what it still converts and leaves.
    files = os.fdopen(jobs, "wb"), os.fdopen(answers, "rb")
    _waiting.append(Child(process, *files, lambda: _waited(process)))


def _waited(process: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(process, 0)


def take() -> Child | None:
    """Return the child that waits, if there is one and it lives."""
    while _waiting:
        found = _waiting.pop()
        if os.waitpid(found.process, os.WNOHANG) == (0, 0):
            return found
        found.close()
    return None
