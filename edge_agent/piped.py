"""A child process and the two pipes to it: JSON lines in, JSON lines out."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from edge_agent.channel import Message, decode_line, encode_line

_WAITING = 1000


@dataclass
class Child:
    """One child process, its life and what waits to be written to it."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    heard: float | None = None
    attempt: int = 0
    due: float | None = 0.0
    status: dict[str, Any] = field(default_factory=dict)
    outbox: queue.Queue[Message | None] = field(default_factory=lambda: queue.Queue(_WAITING))

    def start(self, report: Callable[[Child, Message | None], None]) -> None:
        """Start the process, out of Ctrl-C's reach, and the two threads that carry its messages."""
        self.outbox = queue.Queue(_WAITING)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, start_new_session=True)
        self.started, self.heard, self.due = time.monotonic(), None, None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        writer = threading.Thread(target=_write, args=(self.process.stdin, self.outbox), daemon=True)
        reader = threading.Thread(target=_read, args=(self.process.stdout, self, report), daemon=True)
        writer.start()
        reader.start()

    def tell(self, message: Message | None) -> None:
        """Queue a message, None to end the writer; a child that does not read loses the newest."""
        try:
            self.outbox.put_nowait(message)
        except queue.Full:
            return

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None


def _write(pipe: IO[bytes], outbox: queue.Queue[Message | None]) -> None:
    try:
        with pipe:
            while (message := outbox.get()) is not None:
                pipe.write(encode_line(message))
                pipe.flush()
    except (BrokenPipeError, ValueError):
        return


def _read(pipe: IO[bytes], child: Child, report: Callable[[Child, Message | None], None]) -> None:
    with pipe:
        for line in pipe:
            message = decode_line(line)
            if message is not None:
                report(child, message)
    assert child.process is not None
    child.process.wait()
    report(child, None)
