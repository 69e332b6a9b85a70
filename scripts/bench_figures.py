"""Runs the measurements in tests/benchmarks and writes what they found down, each with its target."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path

from tests.benchmarks.figure import Figure

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs" / "benchmarks.md"
NAMES = ("agent", "kills", "fleet", "trainer", "evaluation", "converter", "drift", "quality", "quality_pretrained")


def measure(name: str) -> list[Figure]:
    """Run one group of measurements, printing each figure as it is found."""
    figures = []
    for figure in import_module(f"tests.benchmarks.{name}").figures():
        print(json.dumps(figure.as_dict()), flush=True)
        figures.append(figure)
    return figures


def table(figures: list[Figure]) -> str:
    """Return the figures as a Markdown table."""
    head = "| figure | what | value | target | met | for comparison |\n|---|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(figure.row())} |\n" for figure in figures)


def machine() -> str:
    """Return commit, processor, cores, system and Python in one line."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=TOP, check=False
    )
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, cwd=TOP, check=False)
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    changed = " with changes" if dirty.stdout.strip() else ""
    day = datetime.now(timezone.utc).date()
    processor = cpu.group(1) if cpu else platform.machine()
    return (
        f"Commit {commit.stdout.strip()}{changed}, {day}, {processor}, {cores} cores, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def write(name: str, figures: list[Figure]) -> None:
    """Replace the section of one group in docs/benchmarks.md."""
    text = (
        PAGE.read_text()
        if PAGE.is_file()
        else "# Benchmarks\n\nPrinted by `scripts/bench NAME --write`; nothing here is typed in.\n"
    )
    section = f"\n## {name}\n\n{machine()}\n\n{table(figures)}"
    pattern = re.compile(rf"\n## {name}\n.*?(?=\n## |\Z)", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: section, text) if pattern.search(text) else text.rstrip() + "\n" + section)


def main() -> int:
    """Run the named groups."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kills", type=int)
    given = parser.parse_args()
    if given.kills is not None:
        os.environ["LINESIDE_KILLS"] = str(given.kills)
    wanted = list(given.names)
    wanted = list(NAMES) if wanted == ["all"] else wanted
    unknown = [name for name in wanted if name not in NAMES]
    if unknown or not wanted:
        print(f"unknown measurement {', '.join(unknown)}; choose from {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in wanted:
        figures = measure(name)
        print("\n" + table(figures))
        if given.write:
            write(name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
