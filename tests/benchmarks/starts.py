"""T4: how fast every command of the four programs says what it does, and how fast `status` answers."""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click

from tests.benchmarks.figure import Figure
from tests.benchmarks.timing import BIN, seconds

PROGRAMS = ("trainer", "converter", "fleet", "edge-agent")
TIMES = 3


def start_figures(root: Path, station: Path) -> Iterator[Figure]:
    """Measure `--help` of every command, and `status` of a pipeline's root and of a station."""
    calls = [(name, *words, "--help") for name in PROGRAMS for words in _commands(name)]
    calls += [("trainer", "pipeline", "status", "--root", str(root)), ("edge-agent", "status", "--home", str(station))]
    took = {call: _median_start(call) for call in calls}
    slowest = max(took, key=lambda call: took[call])
    note = f"{' '.join(slowest[:3])}; each of {len(calls)} the median of {TIMES}; TFX imports TensorFlow first"
    yield Figure("T4", "slowest command", took[slowest], "s", 0.3, "lower", note)
    middle = statistics.median(took.values())
    bare = statistics.median(seconds(lambda: _run((str(BIN / "python"), "-c", "pass"))) for _ in range(9))
    yield Figure("T4", "median of all commands", middle, "s", 0.3, "lower", f"bare Python {bare:.3f} s")


def _commands(program: str) -> list[tuple[str, ...]]:
    """Return the words of every group and command of a program, itself included."""
    return list(_below(import_module(f"{program.replace('-', '_')}.cli").main, ()))


def _below(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _below(found, (*words, name))


def _median_start(call: tuple[str, ...]) -> float:
    program = (str(BIN / call[0]), *call[1:])
    _run(program)  # writes the byte code where it is not there
    return statistics.median(seconds(lambda: _run(program)) for _ in range(TIMES))


def _run(call: tuple[str, ...]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, env=environment)
