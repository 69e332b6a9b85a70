"""A push that is killed by SIGKILL before any one of its file operations."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

WATCHED = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.listdir", "os.scandir")


def killed_before(operation: int, work: Callable[[], object]) -> bool:
    """Do `work` in a fork that dies before its file operation number `operation`; say whether it came that far."""
    child = os.fork()
    if child == 0:
        _die_before(operation)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _die_before(operation: int) -> None:
    left = operation

    def watch(event: str, _arguments: object) -> None:
        nonlocal left
        if event in WATCHED or event.startswith("shutil."):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
