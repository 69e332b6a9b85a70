"""A real station at a real Modbus TCP server: what the PLC counts is what the journal counts."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from edge_agent.challenge.record import arm
from edge_agent.contracts.plc import CODES, Command, Disposition
from edge_agent.contracts.verdict import Reason
from edge_agent.home import Home, read_json
from edge_agent.journal.beside import journal_beside
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal, PartRow
from tests.conftest import wait_for
from tests.integration.test_station_processes import SLOW_S, alive, children, hot_status, running
from tests.simulators.line import PARTS, altered_bundle, install
from tests.simulators.plc import Conveyor, Plc, PlcProgram


@pytest.fixture
def plc() -> Iterator[Plc]:
    server = Plc(PlcProgram(Conveyor(period_s=0.1, deadline_s=3.0)), base=100).start()
    yield server
    server.stop()


def plc_home(folder: Path, port: int) -> Home:
    home = Home(folder)
    install(home, altered_bundle(folder / "bundle", recipe__views__count=1, recipe__deadline_ms=4000))
    settings = {
        "source": f"folder://{PARTS}?loop=1",
        "trigger": {"kind": "plc", "depth": 8},
        "plc": {"host": "127.0.0.1", "port": port, "base": 100},
        "ui": {"port": 0},
    }
    home.config.write_text(yaml.safe_dump(settings))
    return home


def journal_parts(home: Home) -> list[PartRow]:
    database = Database(home.journal)
    rows = Journal(database, uuid4()).recent(10**6)
    database.close()
    return rows[::-1]


def verdicts(home: Home) -> dict[int, str]:
    """Return the final verdicts by the PLC's number of the part."""
    database = Database(home.journal)
    found = {sequence: final for _, sequence, final in database.rows("all_plc_parts")}
    database.close()
    return found


def dispositions(home: Home) -> dict[Disposition, int]:
    database = Database(home.journal)
    counts = Journal(database, uuid4()).dispositions()
    database.close()
    return counts


@pytest.mark.slow
def test_every_part_the_plc_sends_is_judged_once_and_gated_as_judged(tmp_path: Path, plc: Plc) -> None:
    plc.program.conveyor = Conveyor(period_s=0.1, parts=40, deadline_s=SLOW_S)
    home = plc_home(tmp_path, plc.port)
    with running(home):
        assert plc.wait(SLOW_S), plc.program
        wait_for(lambda: sum(dispositions(home).values()) == 40, SLOW_S, "the last echo")
        wait_for(lambda: Disposition.NONE not in dispositions(home), SLOW_S, "what became of the last part")
    parts = journal_parts(home)
    assert [part.serial for part in parts] == [f"SN{plc.program.run:05d}-{n:06d}" for n in range(1, 41)]
    assert {part.output for part in parts} == {"driven"}
    assert {part.final for part in parts} == {"accept", "reject"}
    for number, part in enumerate(parts, 1):
        gated = plc.program.dispositions[number] is Disposition.ACCEPTED
        assert gated == (part.final == "accept")
        assert plc.program.codes[number] == CODES[Reason(part.reason)]
    assert dispositions(home) == dict(plc.program.counts)


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_a_station_killed_again_and_again_counts_what_the_plc_counts(tmp_path: Path, plc: Plc) -> None:
    home, draw = plc_home(tmp_path, plc.port), random.Random(4)
    with running(home):
        for _ in range(8):
            wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready")
            plc.program.conveyor = Conveyor(period_s=0.05, deadline_s=1.0, held_while_not_ready=False)
            before = plc.program.triggered
            wait_for(lambda seen=before: plc.program.triggered > seen + 3, SLOW_S, "some parts")  # type: ignore[misc]
            time.sleep(draw.uniform(0, 0.1))
            os.kill(children(home)["hot"], signal.SIGKILL)
            wait_for(lambda: not hot_status(home), SLOW_S, "the exit to be noticed")
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready at last")
        plc.program.conveyor = Conveyor(period_s=0.05, parts=plc.program.triggered + 5, deadline_s=SLOW_S)
        assert plc.wait(SLOW_S)
        wait_for(lambda: len(journal_parts(home)) >= plc.program.triggered, SLOW_S, "the last part")
    parts = journal_parts(home)
    assert len(parts) == plc.program.triggered
    assert all(part.final for part in parts)
    accepted = [n for n, went in plc.program.dispositions.items() if went is Disposition.ACCEPTED]
    assert {verdict for number, verdict in verdicts(home).items() if number in accepted} == {"accept"}


@pytest.mark.slow
@pytest.mark.fault("A04")
def test_an_inspection_that_hangs_while_its_supervisor_dies_takes_no_part_twice(tmp_path: Path, plc: Plc) -> None:
    home = plc_home(tmp_path, plc.port)
    with running(home) as first:
        wait_for(lambda: plc.program.triggered > 3, SLOW_S, "parts")
        hung = children(home)["hot"]
        os.kill(hung, signal.SIGSTOP)
        first.kill()
        first.wait()
        with running(home) as second:
            wait_for(lambda: read_json(home.station).get("pid") == second.pid, SLOW_S, "the new supervisor")
            wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "ready again")
            wait_for(lambda: not alive(hung), SLOW_S, "the end of the one that hung")
            plc.program.conveyor = Conveyor(period_s=0.1, parts=plc.program.triggered + 5, deadline_s=SLOW_S)
            assert plc.wait(SLOW_S)
            wait_for(lambda: len(journal_parts(home)) >= plc.program.triggered, SLOW_S, "the last part")
    assert list(verdicts(home)) == list(range(1, plc.program.triggered + 1))
    assert len(journal_parts(home)) == plc.program.triggered


@pytest.mark.slow
@pytest.mark.fault("A19")
def test_a_lost_plc_stops_the_station_and_the_station_the_plc(tmp_path: Path, plc: Plc) -> None:
    home = plc_home(tmp_path, plc.port)
    with running(home):
        wait_for(lambda: plc.program.triggered > 3, SLOW_S, "parts")
        plc.stop()
        wait_for(lambda: "PLC" in str(hot_status(home).get("why")), SLOW_S, "the fault")
        assert not hot_status(home)["ready"]
        parts = len(journal_parts(home))
        again = Plc(plc.program, port=plc.port, base=100).start()
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the way back")
        wait_for(lambda: len(journal_parts(home)) > parts + 3, SLOW_S, "parts again")
        again.stop()
    assert len(journal_parts(home)) == plc.program.triggered


@pytest.mark.slow
@pytest.mark.fault("A19")
def test_a_plc_whose_program_stands_still_keeps_the_station_from_being_ready(tmp_path: Path, plc: Plc) -> None:
    home = plc_home(tmp_path, plc.port)
    with running(home):
        wait_for(lambda: plc.program.triggered > 3, SLOW_S, "parts")
        plc.halted = True
        wait_for(lambda: "stood still" in str(hot_status(home).get("why")), SLOW_S, "the fault")
        assert not hot_status(home)["ready"]
        before = plc.program.triggered
        plc.halted = False
        wait_for(lambda: bool(hot_status(home).get("ready")), SLOW_S, "the way back")
        wait_for(lambda: plc.program.triggered > before + 3, SLOW_S, "parts again")
        plc.program.conveyor = Conveyor(parts=plc.program.triggered, deadline_s=SLOW_S)
        wait_for(lambda: len(journal_parts(home)) >= plc.program.triggered, SLOW_S, "the last part")
    assert len(journal_parts(home)) == plc.program.triggered


@pytest.mark.slow
def test_a_station_that_hangs_is_seen_by_its_heartbeat(tmp_path: Path, plc: Plc) -> None:
    home = plc_home(tmp_path, plc.port)
    with running(home):
        wait_for(lambda: plc.program.triggered > 1, SLOW_S, "parts")
        hot = children(home)["hot"]
        os.kill(hot, signal.SIGSTOP)
        wait_for(lambda: not plc.program.alive(time.monotonic()), SLOW_S, "the heartbeat to stand still")
        os.kill(hot, signal.SIGCONT)
        wait_for(lambda: plc.program.alive(time.monotonic()), SLOW_S, "the heartbeat")


@pytest.mark.slow
def test_a_plc_sends_a_challenge_part_once_it_was_started(tmp_path: Path, plc: Plc) -> None:
    plc.program.conveyor = Conveyor(period_s=0.1, parts=3, deadline_s=SLOW_S)
    home = plc_home(tmp_path, plc.port)
    settings = yaml.safe_load(home.config.read_text())
    settings["challenge"] = {"parts": [{"name": "CH-GOOD", "known": "accept"}]}
    home.config.write_text(yaml.safe_dump(settings))
    with running(home):
        due = "challenge part CH-GOOD has not been passed yet"
        wait_for(lambda: hot_status(home).get("why") == due, SLOW_S, "the challenge to be due")
        assert plc.program.triggered == 0, "the PLC waits for Ready"
        with journal_beside(home.journal) as (database, _):
            arm(database, "CH-GOOD")
        assert plc.wait(SLOW_S), plc.program
        wait_for(lambda: sum(dispositions(home).values()) == 3, SLOW_S, "the last echo")
    parts = journal_parts(home)
    assert [part.reason == "challenge" for part in parts] == [True, False, False]
    assert (parts[0].final, plc.program.dispositions[1]) == ("reject", Disposition.REJECTED)


@pytest.mark.slow
@pytest.mark.fault("A15")
def test_a_trigger_bit_that_flickers_is_one_part(tmp_path: Path, plc: Plc) -> None:
    plc.program.conveyor = Conveyor(period_s=0.2, parts=10, deadline_s=SLOW_S)
    home = plc_home(tmp_path, plc.port)
    with running(home):
        wait_for(lambda: plc.program.triggered > 0, SLOW_S, "the first part")
        while not plc.program.finished:
            with plc.lock:
                plc.program._command ^= Command.TRIGGER
            time.sleep(0.003)
        wait_for(lambda: sum(dispositions(home).values()) == 10, SLOW_S, "the last echo")
    parts = journal_parts(home)
    assert len(parts) == plc.program.triggered == 10
    assert {part.reason for part in parts} == {"model"}


@pytest.mark.slow
@pytest.mark.fault("A16")
def test_a_burst_is_a_part_each_in_the_plcs_order(tmp_path: Path, plc: Plc) -> None:
    plc.program.conveyor = Conveyor(period_s=0.1, parts=3, deadline_s=SLOW_S)
    home = plc_home(tmp_path, plc.port)
    with running(home):
        assert plc.wait(SLOW_S)
        with plc.lock:
            for _ in range(20):
                plc.program.trigger(time.monotonic())
        wait_for(lambda: len(journal_parts(home)) == 23, SLOW_S, "all parts of the burst")
        wait_for(lambda: all(part.final for part in journal_parts(home)), SLOW_S, "their verdicts")
        plc.program.conveyor = Conveyor(period_s=0.1, parts=25, deadline_s=SLOW_S)
        wait_for(lambda: len(journal_parts(home)) == 25, SLOW_S, "the parts after it")
    assert list(verdicts(home)) == list(range(1, 26)), "in the PLC's order, none twice"
    reasons = [part.reason for part in journal_parts(home)]
    assert reasons[3:22] == ["overrun"] * 19
    assert reasons[:3] + reasons[22:] == ["model"] * 6


@pytest.mark.slow
def test_a_reset_clears_the_line_and_the_next_part_is_judged(tmp_path: Path, plc: Plc) -> None:
    plc.program.conveyor = Conveyor(period_s=0.1, parts=3, deadline_s=SLOW_S)
    home = plc_home(tmp_path, plc.port)
    with running(home):
        assert plc.wait(SLOW_S)
        hot = children(home)["hot"]
        os.kill(hot, signal.SIGSTOP)
        with plc.lock:
            plc.program.trigger(time.monotonic())
        os.kill(hot, signal.SIGCONT)
        with plc.lock:
            plc.program.reset()
        wait_for(lambda: Command.RESET not in plc.program.order().command, SLOW_S, "the station to have forgotten")
        plc.program.conveyor = Conveyor(period_s=0.1, parts=8, deadline_s=SLOW_S)
        assert plc.wait(SLOW_S), plc.program
        wait_for(lambda: len(journal_parts(home)) == 8, SLOW_S, "the journal's last part")
        wait_for(lambda: sum(dispositions(home).values()) == 8, SLOW_S, "the last echo")
    assert plc.program.dispositions[4] is Disposition.NO_RESULT
    gated = [plc.program.dispositions[number] is Disposition.ACCEPTED for number in (1, 2, 3, 5, 6, 7, 8)]
    judged = verdicts(home)
    assert gated == [judged[number] == "accept" for number in (1, 2, 3, 5, 6, 7, 8)]
    assert len(judged) == 8
