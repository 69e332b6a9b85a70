"""A step that hears nothing: it waits in C and holds the interpreter's lock, as a library may."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

from trainer.pipeline.executor import Executor
from trainer.pipeline.step import Step


def wait(made: Path, context: Any) -> None:
    """Note this process and one that it started, and wait in C."""
    child = subprocess.Popen(["sleep", "600"])
    unfinished = made / "unfinished"
    unfinished.write_text(f"{os.getpid()} {child.pid}")
    unfinished.rename(made / "processes")
    ctypes.PyDLL(None).sleep(600)


def parent(folder: str) -> None:
    """Let a worker run it."""
    made = Path(folder)
    executor = Executor(made / "log.txt")
    executor.run(Step("Deaf", f"{__name__}:wait", {}, {"made": ""}), {"made": made}, {}, made, lambda *_: None)
