"""Running the project's own commands from the quickstart, and leaving none of them behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent


class Failed(Exception):
    """A step did not do what it should; the message is for the person at the terminal."""


class Stage:
    """Prints what happens with the seconds since the start, and keeps the processes that must end with us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def say(self, text: str) -> None:
        """Print one line with the time."""
        print(f"{self.seconds:6.1f} s  {text}", flush=True)

    def run(self, *command: str, show: bool = False) -> dict[str, Any]:
        """Run a command of ours with --json and return its last line; `show` lets its progress be seen."""
        log = self.logs / f"{command[0]}-{command[1]}-{len(list(self.logs.iterdir())):02}.log"
        with log.open("wb") as errors:
            done = subprocess.run(
                [str(BIN / command[0]), *command[1:], "--json"],
                stdout=subprocess.PIPE,
                stderr=None if show else errors,
                start_new_session=False,
                check=False,
            )
        lines = done.stdout.decode().strip().splitlines()
        log.open("ab").write(done.stdout)
        try:
            answer = json.loads(lines[-1])
        except (IndexError, ValueError) as error:
            tail = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise Failed(f"{' '.join(command[:3])}: exit {done.returncode}, no answer: {' / '.join(tail)}") from error
        if done.returncode != 0:
            raise Failed(f"{' '.join(command[:3])}: exit {done.returncode}: {lines[-1][:300]} (see {log})")
        return dict(answer)

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a long-running command of ours; its output goes to a log."""
        log = (self.logs / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.running.append((name, process))
        return process

    def wait(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """Poll until `condition` gives something true and return it; a process of ours that ended is an error."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if result := condition():
                return result
            for name, process in self.running:
                if process.poll() is not None:
                    tail = (self.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-3:]
                    raise Failed(f"'{name}' ended with {process.returncode}: {' / '.join(tail)}")
            time.sleep(0.2)
        raise Failed(f"{what} did not happen within {seconds:.0f} s; the logs are in {self.logs}")

    def stop(self) -> None:
        """End all processes and what they started, the latest first."""
        for _, process in reversed(self.running):
            _signal_group(process, signal.SIGTERM)
        end = time.monotonic() + 8
        for _, process in reversed(self.running):
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.poll()
            _signal_group(process, signal.SIGKILL)
        self.running.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
