"""A pytest plug-in that selects tests by the fault cases they are marked with and prints one line per case."""

from __future__ import annotations

import sys

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", default="all", help="letters or numbers of fault cases, or 'all'")


class FaultLines:
    """Collects the outcome of every case; a case passes when all its tests ran and passed."""

    def __init__(self, wanted: list[str]) -> None:
        self.wanted = wanted
        self.numbers: dict[str, list[str]] = {}
        self.outcomes: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marks = [str(mark.args[0]) for mark in item.iter_markers("fault")]
            self.numbers[item.nodeid] = [m for m in marks if any(m.startswith(w) for w in self.wanted)]
        items[:] = [item for item in items if self.numbers[item.nodeid]]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for number in self.numbers.get(report.nodeid, ()):
            self.seconds[number] = self.seconds.get(number, 0.0) + report.duration
            if report.outcome != "passed":
                word = "SKIP" if report.outcome == "skipped" else "FAIL"
                self.outcomes[number] = f"{word} {report.nodeid}"
            elif report.when == "call":
                self.outcomes.setdefault(number, "pass")

    def pytest_sessionfinish(self) -> None:
        for number in sorted(self.outcomes):
            sys.stdout.write(f"{number} {self.outcomes[number]} {self.seconds[number]:.1f} s\n")
        passed = sum(outcome == "pass" for outcome in self.outcomes.values())
        sys.stdout.write(f"{passed} passed, {len(self.outcomes) - passed} failed\n")


def pytest_configure(config: pytest.Config) -> None:
    wanted = str(config.getoption("--faults")).upper().split()
    config.pluginmanager.register(FaultLines([""] if wanted == ["ALL"] else wanted))
