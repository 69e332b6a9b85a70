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

from edge_agent.contracts.plc import Disposition
from edge_agent.home import Home
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from tests.conftest import wait_for
from tests.simulators import doomed
from tests.simulators.line import altered_bundle, install
from tests.simulators.plc import Conveyor, Plc, PlcProgram


def nursery() -> Any:
    """Where processes are born with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.simulators.doomed"])
    return context


class KilledStation:
    """A home whose hot process lives and dies; a life ends within `longest_life_s` of its start."""

    longest_life_s = 0.05
    challenge = ""
    canary = ""

    def __init__(self, folder: Path, births: Any, plc_port: int = 0) -> None:
        self.home = Home(folder)
        install(self.home, altered_bundle(folder / "bundle"))
        self.boot = str(uuid4())
        self._nursery = births
        self._plc_port = plc_port

    def start(self, point: str = "", parts: int = 10**9) -> tuple[Any, Any]:
        """Start the process; return it and the event that it is up."""
        started = self._nursery.Event()
        arguments = (self.home.root, self.boot, point, parts, started, self._plc_port, self.challenge, self.canary)
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
            time.sleep(draw.uniform(0.0, self.longest_life_s))
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


class KilledAtPlc(KilledStation):
    """The same, with parts that a PLC sends: a new one every 20 ms, whether the station lives or not."""

    longest_life_s = 0.15

    def __init__(self, folder: Path, births: Any) -> None:
        self.plc = Plc(PlcProgram(Conveyor(0.02, 0, 0.5))).start()
        super().__init__(folder, births, self.plc.port)

    def kill_at_random(self, kills: int, draw: random.Random) -> None:
        """Kill the process again and again while parts come; then let it see the last of them."""
        first, _ = self.start()
        wait_for(lambda: self.plc.program.report.boot != 0, 30, "the first contact")
        self._conveyor(None, 0.5)
        for _ in range(kills):
            time.sleep(draw.uniform(0.0, self.longest_life_s))
            first.kill()
            first.join(10)
            first, started = self.start()
            if not started.wait(30):
                raise TimeoutError("the hot process did not start within 30 s")
        self._conveyor(self.plc.program.triggered + 5, 30.0)
        finished = self.plc.wait(60)
        time.sleep(0.5)
        first.kill()
        first.join(10)
        self.plc.stop()
        if not finished:
            raise TimeoutError(f"the PLC still waits for the last parts: {self.plc.program}")

    def _conveyor(self, parts: int | None, deadline_s: float) -> None:
        with self.plc.lock:
            self.plc.program.conveyor = Conveyor(0.02, parts, deadline_s, held_while_not_ready=False)

    def ledger(self) -> Ledger:
        """Compare the journal with the PLC's own count."""
        database = Database(self.home.journal)
        counted = [tuple(row) for row in database.rows("all_plc_parts")]
        database.close()
        names = [(run, sequence) for run, sequence, _ in counted]
        sent = {(self.plc.program.run, number) for number in range(1, self.plc.program.triggered + 1)}
        accepted = {number for number, went in self.plc.program.dispositions.items() if went is Disposition.ACCEPTED}
        passed = {sequence for _, sequence, final in counted if final == "accept"}
        wrongly = len(accepted - passed)
        return Ledger(len(counted), len(sent - set(names)) + wrongly, len(names) - len(set(names)))


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
