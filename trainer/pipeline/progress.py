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


class Pace:
    """How long a step will still take, by how far it came since the first share that it told.

    What a step tells first may be what it found done by a killed run: that says nothing of its pace.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = 0.0

    def left(self, now: float, done: float) -> float | None:
        """Return the seconds that are left at this pace; None where it is not known yet."""
        if self._first is None or done < self._last:
            self._first = (now, done)
        self._last = done
        seconds, share = now - self._first[0], done - self._first[1]
        return seconds / share * (1 - done) if share > 0 and seconds > 0 else None


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(8.6), duration(125), duration(7300)
    ('9 s', '2 min 5 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class Lines:
    """One plain line an event; progress at most every five seconds of each step, with the time that is left."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._said: dict[str, float] = {}
        self._paces: dict[str, Pace] = {}

    def begin(self, step: str, remark: str = "") -> None:
        """Say that a step starts."""
        self._said[step], self._paces[step] = self._clock(), Pace()
        self._line(f"{step:<18} … {remark}".rstrip())

    def progress(self, step: str, text: str, done: float | None) -> None:
        """Say what the step does, unless something was said just now."""
        now = self._clock()
        left = None if done is None else self._paces[step].left(now, done)
        if now - self._said[step] >= _QUIET_SECONDS:
            self._said[step] = now
            share = "" if done is None else f" {done:4.0%}"
            more = "" if left is None else f", about {duration(left)} left"
            self._line(f"{step:<18} …{share} {text}{more}")

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
        said = TextColumn("{task.description}", markup=False)
        self._bar = Progress(*columns, *times, said, console=Console(stderr=True))
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
        from rich.text import Text

        if step in self._tasks:
            self._bar.remove_task(self._tasks.pop(step))
        colour = {"done": "green", "cached": "cyan", "skipped": "yellow"}.get(status, "red")
        line = Text.assemble((f"{step:<18} {status:<7}", colour), f" {seconds:6.1f} s  {remark}")
        self._bar.console.print(line, highlight=False)

    def close(self) -> None:
        """Give the terminal back."""
        self._bar.stop()


def display(out: TextIO = sys.stderr) -> Display:
    """Return what fits the place where the output goes."""
    return Live() if out.isatty() else Lines(out)
