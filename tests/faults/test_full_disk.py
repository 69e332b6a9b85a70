"""A whole station on a disk of eight megabytes that fills up to the last byte, with a PLC that counts along."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from edge_agent.contracts.plc import CODES, Disposition, Status
from edge_agent.contracts.verdict import Reason
from edge_agent.home import read_json
from edge_agent.journal.reader import read_journal
from tests.conftest import wait_for
from tests.integration.test_station_processes import SLOW_S
from tests.simulators.line import PARTS, Home, altered_bundle, environment, install
from tests.simulators.plc import Conveyor, Plc, PlcProgram

MEGABYTES = 8
DEADLINE_S = 10.0
"""After which the PLC rejects by itself, as it does with triggers that came between two polls."""

MOUNT = 'mount -t tmpfs -o size="$1"m lineside "$2" && cp -r "$3"/. "$2" && shift 3 && exec "$@"'


@pytest.fixture
def plc() -> Iterator[Plc]:
    server = Plc(PlcProgram(Conveyor(period_s=0.2, deadline_s=DEADLINE_S))).start()
    yield server
    server.stop()


@contextlib.contextmanager
def station_on_a_small_disk(folder: Path, port: int) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Run a station on a disk of its own; yields where its folder can be seen from here, and the process."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel gives nobody a mount of one's own (unshare -rm): nothing that could be installed")
    made, disk = Home(folder / "made"), folder / "disk"
    install(made, altered_bundle(folder / "bundle", recipe__views__count=1, recipe__deadline_ms=4000))
    settings = {
        "source": f"folder://{PARTS}?loop=1",
        "trigger": {"kind": "plc", "depth": 8},
        "plc": {"host": "127.0.0.1", "port": port},
        "storage": {"quota_mb": 2, "reserve_mb": 1, "accept_share": 1.0},
        "ui": {"port": 0},
    }
    made.config.write_text(yaml.safe_dump(settings))
    disk.mkdir()
    run = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(disk)]
    command = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", str(MEGABYTES), str(disk), str(made.root), *run]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, env=environment(), **pipes)  # type: ignore[call-overload]
    try:
        yield Path(f"/proc/{process.pid}/root{disk}"), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SLOW_S)


def fill(disk: Path) -> Path:
    """Take the last byte of a disk."""
    rest = disk / "fill"
    with rest.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 10, 1):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    return rest


def totals(disk: Path) -> tuple[int, int, set[int]]:
    """Return how many parts are in the journal, how many are only counted, and which of the PLC's were accepted."""
    with tempfile.TemporaryDirectory() as copy:  # SQLite finds no way through /proc
        for file in disk.glob("journal.db*"):
            shutil.copy(file, copy)
        with read_journal(Path(copy) / "journal.db") as reader:
            rows = reader.rows("all_plc_parts")
            counts = dict(reader.rows("read_tallies"))
    accepted = {int(sequence) for _, sequence, final in rows if final == "accept"}
    return len(rows), int(counts.get("part.unrecorded", 0)), accepted


@pytest.mark.slow
@pytest.mark.fault("A08")
def test_a_full_disk_stops_the_line_and_room_starts_it_again(tmp_path: Path, plc: Plc) -> None:
    program = plc.program

    def ready() -> bool:
        return Status.READY in program.report.status

    with station_on_a_small_disk(tmp_path, plc.port) as (disk, process):
        wait_for(lambda: program.triggered > 3, SLOW_S, "parts")
        rest = fill(disk)
        wait_for(lambda: not ready(), SLOW_S, "the station to be not ready any more")
        assert shutil.disk_usage(disk).free < 1 << 16
        stopped = program.triggered
        assert process.poll() is None, "the station lives"
        rest.unlink()
        wait_for(lambda: ready() and program.triggered > stopped + 3, SLOW_S, "parts again, without a person")
        wait_for(lambda: bool(read_json(disk / "run" / "station.json").get("ui")), SLOW_S, "the page")
        program.conveyor = Conveyor(period_s=0.2, parts=program.triggered + 2, deadline_s=DEADLINE_S)
        assert plc.wait(SLOW_S), program
        wait_for(lambda: sum(totals(disk)[:2]) == program.triggered, SLOW_S, "the last part")
        recorded, unrecorded, accepted = totals(disk)
    full = {number for number, code in program.codes.items() if code == CODES[Reason.DISK_FULL]}
    passed = {number for number, went in program.dispositions.items() if went is Disposition.ACCEPTED}
    assert full, "a part came while nothing could be written"
    assert not full & passed
    assert passed == accepted
    assert recorded + unrecorded == program.triggered
