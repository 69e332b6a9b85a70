"""A5: random SIGKILLs of a whole station, its journal held against the PLC's own count.

`scripts/bench kills` kills 1,000 processes, `--kills 50` (or LINESIDE_KILLS) another number.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pymodbus.logging import Log

from fleet.devices.enrolment import NewDevice
from tests.benchmarks.figure import Figure
from tests.simulators.fleet_server import Server, eventually, fleet_server
from tests.simulators.killed_whole import KilledWhole

KILLS = int(os.environ.get("LINESIDE_KILLS", "1000"))
SEED = 20
_TELL_EVERY = 10

Log.setLevel(logging.CRITICAL + 1)  # the PLC's side tells each connection that a killed process leaves behind


def figures() -> Iterator[Figure]:
    """Kill, settle, compare."""
    with tempfile.TemporaryDirectory(prefix="bench-kills-") as name, fleet_server(Path(name) / "fleet") as server:
        new = NewDevice(device="bench", site="here", line="l1")
        credentials = server.service.context.enrolment.enrol(new).model_dump_json()
        station = KilledWhole(Path(name), credentials)
        try:
            _run(station)
            eventually(lambda: _known(server) >= station.plc.program.triggered)
        finally:
            station.close()
        found, known = station.account(), _known(server)
    who = ", ".join(f"{name} {count}" for name, count in sorted(station.kills.items()))
    note = f"{KILLS} kills ({who}), {found.parts} parts by the PLC's count, {found.rows} in the journal"
    yield Figure("A5", "parts lost at the PLC over random SIGKILLs", found.lost, "parts", 0, "lower", note)
    yield Figure("A5", "parts counted twice at the PLC over random SIGKILLs", found.twice, "parts", 0, "lower", note)
    note = f"{found.crash} more parts were in hand and became reject/crash"
    yield Figure("A5", "parts of which it is unknown whether the output moved", found.unknown, "parts", reference=note)
    note = "the station was away while the PLC acted on them; they are listed"
    yield Figure("A5", "parts of those of which the PLC has not said it either", found.unsaid, "parts", reference=note)
    yield Figure("A5", "parts counted by the fleet less those of the journal", known - found.rows, "parts", 0, "lower")


def _run(station: KilledWhole) -> None:
    began = time.monotonic()
    station.start()
    station.kill_at_random(KILLS, random.Random(SEED), lambda done: _tell(done, began))
    station.settle()


def _known(server: Server) -> int:
    """Return how many parts the fleet has counted."""
    return int(server.client.get("/api/v1/devices/bench")["counters"].get("parts", 0))


def _tell(done: int, began: float) -> None:
    if done % _TELL_EVERY and done != KILLS:
        return
    each = (time.monotonic() - began) / done
    left = each * (KILLS - done) / 60
    sys.stderr.write(f"kill {done} of {KILLS}, {each:.1f} s each, about {left:.0f} min left\n")
    sys.stderr.flush()
