"""What ends a worker with its parent, even while it cannot run a line of Python.

The worker watches its standard input in a thread. A library that waits in C and holds the interpreter's lock, as
TensorFlow does when a cluster of workers starts, stops that thread. So the kernel does it: the parent holds one end of
a pipe that nothing is ever written to, and when that end is closed, whatever the parent died of, the kernel sends the
worker and all that it started SIGKILL. (PR_SET_PDEATHSIG would not do: it follows the thread that started the worker,
not the process.)
"""

from __future__ import annotations

import fcntl
import os
import select
import signal


def held() -> tuple[int, int]:
    """Return the end that the worker inherits, and the one that the parent keeps open as long as it lives."""
    return os.pipe()


def follow(end: int) -> None:
    """Let this process, with its group where it leads one, be killed as soon as the other end is closed."""
    leads = os.getpgrp() == os.getpid()
    fcntl.fcntl(end, fcntl.F_SETOWN, -os.getpid() if leads else os.getpid())
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([end], [], [], 0)[0]:  # it was closed before anybody listened
        os.kill(os.getpid(), signal.SIGKILL)
