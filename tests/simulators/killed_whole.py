"""A whole station as `edge-agent run` starts it, at a real PLC, and SIGKILL for whichever of its processes chance says.

The PLC sends a part every 50 ms whether the station lives or not; its own count is what the journal is held against.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml

from edge_agent.contracts.plc import Disposition
from edge_agent.home import Home, read_json
from tests.simulators.line import PARTS, altered_bundle, environment, install
from tests.simulators.plc import Conveyor, Plc, PlcProgram

STATION = "station"
VICTIMS = {"hot": 12, STATION: 6, "uplink": 1, "ui": 1}
"""How often each is drawn; `station` is the supervisor, with which all the others go."""

PERIOD_S, DEADLINE_S = 0.05, 1.0
LIMIT_S = 120.0
LIFE_PARTS = 8
"""So many parts come at most from the moment the station is ready until one of its processes dies."""

_AFTER_TRIGGER_S = 0.02
"""So long after a trigger the kill falls at most: over the part's writing, picture, verdict, output and answer."""

_POLL_S = 0.002
_ROWS = """SELECT l.run, l.sequence, l.disposition, p.final, p.output, p.reason
FROM part p LEFT JOIN plc_part l ON l.part = p.id"""


class _Row(NamedTuple):
    """One part of the journal and what the PLC says of it."""

    run: int
    sequence: int
    disposition: int
    final: str | None
    output: str
    reason: str


@dataclass(frozen=True)
class Account:
    """What the journal holds against the PLC's own count.

    `lost`: parts without a row or a verdict, or passed by the PLC without an accept in the journal; `twice`: rows
    beyond one a part. `unknown`: parts of which nobody can say whether their output moved; `unsaid`: those of them of
    which the PLC has not said what it did either. `crash`: parts that were in hand when the process died.
    """

    parts: int
    rows: int
    lost: int
    twice: int
    unknown: int
    unsaid: int
    crash: int
    accepted: int


class KilledWhole:
    """A station's processes, killed and started again. `kills` counts the victims by name.

    `credentials` are those of an enrolled device; without them it has no uplink.
    """

    def __init__(self, folder: Path, credentials: str = "") -> None:
        self.plc = Plc(PlcProgram(Conveyor(PERIOD_S, 0, DEADLINE_S, held_while_not_ready=False))).start()
        self.home = Home(folder / "station")
        bundle = altered_bundle(
            folder / "bundle", recipe__views__count=1, recipe__deadline_ms=800, recipe__automation="full"
        )
        install(self.home, bundle)
        settings = {
            "source": f"folder://{PARTS}?loop=1",
            "trigger": {"kind": "plc", "depth": 8},
            "plc": {"host": "127.0.0.1", "port": self.plc.port},
            "ui": {"port": 0},
        }
        self.home.config.write_text(yaml.safe_dump(settings))
        if credentials:
            self.home.credentials.write_text(credentials)
        self._victims = {name: often for name, often in VICTIMS.items() if credentials or name != "uplink"}
        self.kills: Counter[str] = Counter()
        self._log = (folder / "station.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the station as a person does, and return when it is ready."""
        call = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(self.home.root)]
        self._process = subprocess.Popen(call, stdout=self._log, stderr=self._log, env=environment())
        self.until(self.ready, "the station's start")

    def kill_at_random(self, kills: int, draw: random.Random, tell: Callable[[int], None] = lambda done: None) -> None:
        """Let parts come, kill `kills` processes one after the other; `tell` hears how many are done."""
        self._feed(None)
        self.until(lambda: bool(self._rows()), "the first part: the station counts from there on")
        for done in range(1, kills + 1):
            victim = draw.choices(list(self._victims), list(self._victims.values()))[0]
            due = self.plc.program.triggered + draw.randint(1, LIFE_PARTS)
            self.until(lambda due=due: self.plc.program.triggered >= due, "the next parts")  # type: ignore[misc]
            time.sleep(draw.uniform(0.0, _AFTER_TRIGGER_S))
            self.kill(victim)
            tell(done)

    def kill(self, victim: str) -> None:
        """Kill one process; return when the station is ready again."""
        self.kills[victim] += 1
        if victim == STATION:
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            self.start()
            return
        first = self._children().get(victim)
        if first is not None:
            os.kill(first, signal.SIGKILL)
        self.until(lambda: self._children().get(victim) not in (None, first) and self.ready(), f"{victim} to be back")

    def settle(self) -> None:
        """Let the station see the last parts."""
        self._feed(self.plc.program.triggered + 5)
        self.until(lambda: self.plc.program.finished, "the PLC's last part")
        self.until(lambda: len(self._rows()) >= self.plc.program.triggered, "the journal's last part")
        time.sleep(0.5)

    def close(self) -> None:
        """End the station and the PLC."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LIMIT_S)
        self.plc.stop()
        self._log.close()

    def account(self) -> Account:
        """Compare the journal with the PLC's own count."""
        program, rows = self.plc.program, self._rows()
        finals = {row.sequence: row.final for row in rows if row.run == program.run}
        accepted = {number for number, went in program.dispositions.items() if went is Disposition.ACCEPTED}
        without = [number for number in range(1, program.triggered + 1) if finals.get(number) is None]
        wrongly = [number for number in accepted if finals.get(number) != "accept"]
        unknown = [row for row in rows if row.output == "unknown"]
        return Account(
            parts=program.triggered,
            rows=len(rows),
            lost=len(without) + len(wrongly),
            twice=len(rows) - len({(row.run, row.sequence) for row in rows}),
            unknown=len(unknown),
            unsaid=sum(not row.disposition for row in unknown),
            crash=sum(row.reason == "crash" for row in rows),
            accepted=len(accepted),
        )

    def ready(self) -> bool:
        """Whether the processes that run now judge parts."""
        note = read_json(self.home.station)
        mine = self._process is not None and note.get("pid") == self._process.pid
        return mine and bool(note.get("status", {}).get("hot", {}).get("ready"))

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Return as soon as `condition` holds. Raises TimeoutError."""
        limit = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > limit:
                found = self.account() if self.home.journal.exists() else "no journal"
                note = read_json(self.home.station)
                raise TimeoutError(f"{what} did not happen within {LIMIT_S:.0f} s: {found}, {note}")
            time.sleep(_POLL_S)

    def _feed(self, parts: int | None) -> None:
        with self.plc.lock:
            self.plc.program.conveyor = Conveyor(PERIOD_S, parts, DEADLINE_S, held_while_not_ready=False)

    def _rows(self) -> list[_Row]:
        with closing(sqlite3.connect(self.home.journal)) as database:
            return [_Row(*row) for row in database.execute(_ROWS)]

    def _children(self) -> dict[str, int]:
        return dict(read_json(self.home.station).get("children", {}))
