"""Showing a run: a live table with estimated time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

_QUIET_SECONDS = 5.0


class Display(Protocol):
    """What a run tells of itself."""

    def begin(self, step: str, remark: str = "") -> None:
        """A step starts to run, or to wait, as the remark says."""

    def progress(self, step: str, text: str, done: float | None) -> None:
        """It says what it is doing; `done` is the finished share."""

    def end(self, step: str, status: str, seconds: float, remark: str = "") -> None:
        """It is over: `done`, `cached`, `skipped` or `failed`."""

    def close(self) -> None:
        """The run is over."""


class Lines:
    """One plain line an event; progress at most every five seconds of each step."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._said: dict[str, float] = {}

    def begin(self, step: str, remark: str = "") -> None:
        """Say that a step starts."""
        self._said[step] = self._clock()
        self._line(f"{step:<18} … {remark}".rstrip())

    def progress(self, step: str, text: str, done: float | None) -> None:
        """Say what the step does, unless something was said just now."""
        if self._clock() - self._said[step] >= _QUIET_SECONDS:
            self._said[step] = self._clock()
            share = "" if done is None else f" {done:4.0%}"
            self._line(f"{step:<18} …{share} {text}")

    def end(self, step: str, status: str, seconds: float, remark: str = "") -> None:
        """Say how the step ended."""
        self._line(f"{step:<18} {status:<7} {seconds:6.1f} s  {remark}".rstrip())

    def close(self) -> None:
        """Nothing is left open."""

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


class Live:
    """A progress bar for each running step, with time and estimate; finished steps stay above."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.fields[step]:<18}"), BarColumn(24))
        times = (TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, *times, TextColumn("{task.description}"), console=Console(stderr=True))
        self._bar.start()
        self._tasks: dict[str, Any] = {}

    def begin(self, step: str, remark: str = "") -> None:
        """Show a bar for the step."""
        self._tasks[step] = self._bar.add_task(remark, total=None, step=step)

    def progress(self, step: str, text: str, done: float | None) -> None:
        """Move the bar."""
        task = self._tasks[step]
        if done is None:
            self._bar.update(task, description=text)
        else:
            self._bar.update(task, description=text, total=1.0, completed=done)

    def end(self, step: str, status: str, seconds: float, remark: str = "") -> None:
        """Replace the bar by a line."""
        if step in self._tasks:
            self._bar.remove_task(self._tasks.pop(step))
        colour = {"done": "green", "cached": "cyan", "skipped": "yellow"}.get(status, "red")
        self._bar.console.print(f"[{colour}]{step:<18} {status:<7}[/] {seconds:6.1f} s  {remark}", highlight=False)

    def close(self) -> None:
        """Give the terminal back."""
        self._bar.stop()


def display(out: TextIO = sys.stderr) -> Display:
    """Return what fits the place where the output goes."""
    return Live() if out.isatty() else Lines(out)
