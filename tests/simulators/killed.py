"""A station whose hot process lives and is killed, over and over, and what must hold of its journal afterwards."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from tests.simulators import doomed
from tests.simulators.line import altered_bundle, install


def nursery() -> Any:
    """Where processes are born with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.simulators.doomed"])
    return context


class KilledStation:
    """A home whose hot process lives and dies."""

    def __init__(self, folder: Path, births: Any) -> None:
        self.home = Home(folder)
        install(self.home, altered_bundle(folder / "bundle"))
        self.boot = str(uuid4())
        self._nursery = births

    def start(self, point: str = "", parts: int = 10**9) -> tuple[Any, Any]:
        """Start the process; return it and the event that it is up."""
        started = self._nursery.Event()
        arguments = (self.home.root, self.boot, point, parts, started)
        process = self._nursery.Process(target=doomed.live, args=arguments, daemon=True)
        process.start()
        return process, started

    def live(self, point: str = "", parts: int = 10**9) -> int:
        """Run the process to its end; return its exit code."""
        process, _ = self.start(point, parts)
        process.join(60)
        return int(process.exitcode)

    def kill_at_random(self, kills: int, draw: random.Random) -> None:
        """Kill the process whenever chance says, again and again; the last one ends in good order."""
        for _ in range(kills):
            process, started = self.start()
            if not started.wait(30):
                raise TimeoutError("the hot process did not start within 30 s")
            time.sleep(draw.uniform(0.0, 0.05))
            process.kill()
            process.join(10)
        if self.live(parts=3) != 0:
            raise RuntimeError("the hot process does not run after the kills")

    def gate(self) -> list[dict[str, Any]]:
        """What the gate was told, in order."""
        path = self.home.root / "gate.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def parts(self) -> list[PartRow]:
        """The journal's parts, oldest first."""
        database = Database(self.home.journal)
        rows = Journal(database, uuid4()).recent(10**6)
        database.close()
        return list(reversed(rows))

    def tallies(self) -> dict[str, int]:
        """The journal's counts."""
        database = Database(self.home.journal)
        counts = Journal(database, uuid4()).tallies()
        database.close()
        return counts


@dataclass(frozen=True)
class Ledger:
    """How many parts there were, were lost (no number, no verdict, or told nowhere), and counted twice."""

    parts: int
    lost: int
    twice: int


def ledger(station: KilledStation) -> Ledger:
    """Compare the journal with its own numbers, its counts and the gate."""
    parts = station.parts()
    numbers, told = [part.seq for part in parts], [line["seq"] for line in station.gate()]
    counted = station.tallies()["parts"]
    missing = set(range(1, max(numbers) + 1)) - set(numbers)
    undecided = [part for part in parts if part.final is None]
    unnoted = [part for part in parts if part.seq not in told and part.output != "unknown"]
    twice = len(numbers) - len(set(numbers)) + len(told) - len(set(told)) + max(0, counted - len(parts))
    lost = len(missing) + len(undecided) + len(unnoted) + max(0, len(parts) - counted)
    return Ledger(len(parts), lost, twice)
