"""Two weeks without a network, with clocks that are set wrong and back: nothing is lost, told twice, or out of order.

Both clocks of a real station go fourteen days forward in hours; its wall clock besides goes wrong by a day, ten years
and an hour. `LINESIDE_PARTS=20000` makes the long run of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.topics import Channel
from edge_agent.install.slots import read_slots
from fleet.devices.enrolment import NewDevice
from tests.conftest import wait_for
from tests.simulators.fleet_server import Server, eventually
from tests.simulators.line import TINY_2, altered_bundle
from tests.simulators.shifted_station import CAP, PEOPLE, SLOW_S, ShiftedStation
from tests.simulators.site import Site, Wire

PARTS = int(os.environ.get("LINESIDE_PARTS", "700"))
HOUR_S, DAY_S = 3600.0, 86_400.0
DAYS = 14
HOURS = DAYS * 24
YEARS_10_S = 3652 * DAY_S
DEVICE = "st-1"
WRONG = {(40, 45): -DAY_S, (110, 118): YEARS_10_S, (160, 184): HOUR_S, (200, 206): -HOUR_S, (260, 264): -DAY_S}
"""Hours of the outage (from, to) in which the wall clock is wrong, and by how much."""

KILLS = {20: "uplink", 42: "hot", 75: "station", 114: "station", 150: "ui", 230: "station", 262: "hot"}
DURING_A_PART = (60, 116, 210)
ORDER = {"canary": "100%", "probation": {"seconds": 0.2, "parts": 0}}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.go()


def counted(server: Server) -> dict[str, int]:
    return dict(server.client.get(f"/api/v1/devices/{DEVICE}")["counters"])


def enrolled(server: Server, station: ShiftedStation) -> None:
    """Enrol the station fifteen days ago, as its clock has it."""
    credentials = server.service.context.enrolment.enrol(NewDevice(device=DEVICE, site="here", line="l1"))
    early = credentials.model_copy(update={"issued_ms": credentials.issued_ms - int((DAYS + 1) * DAY_S * 1000)})
    station.home.credentials.write_text(early.model_dump_json())


def fourteen_days(station: ShiftedStation) -> None:
    """Let the hours pass: parts in each, people who answer some, clocks that go wrong, processes that die."""
    made = 0
    for hour in range(HOURS):
        station.clock.forward(HOUR_S)
        error = next((wrong for (start, end), wrong in WRONG.items() if start <= hour < end), 0.0)
        if 300 <= hour < 324:
            error = (hour - 300) * 36.0  # a clock that runs one in a hundred fast
        if error != station.clock.wrong:
            station.clock.set_wrong(error)
            noticed(station, abs(error) > 60)
        due = PARTS * (hour + 1) // HOURS
        station.inspect(due - made)
        made = due
        if hour % 12 == 5:
            station.answer(PEOPLE if hour % 48 == 5 else PEOPLE[:1])
        if hour in KILLS:
            station.kill(KILLS[hour])
        if hour in DURING_A_PART:
            station.kill_during_a_part(0.003 * (DURING_A_PART.index(hour) + 1))


def noticed(station: ShiftedStation, suspect: bool) -> None:
    """Wait until new records are marked as the clock deserves."""
    question = "SELECT coalesce((SELECT value FROM counter WHERE name = 'time/suspect'), 0)"
    wait_for(lambda: bool(station.one(question)) == suspect, SLOW_S, f"the clock's doubt to be {suspect}")


def delivered(station: ShiftedStation) -> None:
    """Wait until the fleet has acknowledged everything."""
    limit = SLOW_S + PARTS / 50
    wait_for(lambda: not station.one("SELECT count(*) FROM outbox"), limit, "all that waited to be acknowledged")


def in_windows(site: Site) -> int:
    return int(site.asked("SELECT coalesce(sum(parts), 0) FROM windows")[0][0])


def judged(station: ShiftedStation) -> int:
    return station.one("SELECT count(*) FROM part WHERE bundle IS NOT NULL")


def check_order(site: Site, station: ShiftedStation) -> None:
    """Boots arrive in the order in which they were, the facts of each by number without a gap."""
    arrived = site.asked("SELECT boot, seq FROM events ORDER BY id")
    boots = list(dict.fromkeys(boot for boot, _ in arrived))
    assert boots == [row[0] for row in station.rows("SELECT boot FROM boot ORDER BY number")]
    assert len(boots) == 1 + list(KILLS.values()).count("station")
    for boot in boots:
        numbers = [seq for of, seq in arrived if of == boot]
        assert numbers == list(range(1, len(numbers) + 1))


def check_totals(site: Site, server: Server, station: ShiftedStation) -> None:
    """The fleet's counts are the journal's, and each part of the line is in both exactly once."""
    fleet, journal = counted(server), dict(station.rows("SELECT name, value FROM tally"))
    parts = station.one("SELECT count(*) FROM part WHERE final IS NOT NULL")
    assert fleet["parts"] == journal["parts"] == parts
    for name in {name for name in (*fleet, *journal) if name.startswith(("final.", "reason."))}:
        assert fleet.get(name, 0) == journal.get(name, 0), name
    assert fleet["reviewed"] == station.answers == station.one("SELECT count(*) FROM answer")
    told = [row[0] for row in site.asked("SELECT json_extract(data, '$.serial') FROM events WHERE kind = 'decided'")]
    assert len(told) == len(set(told)) == parts
    assert set(station.made) <= set(told) <= set(station.asked)
    assert in_windows(site) == judged(station)
    assert site.asked("SELECT count(*) FROM quarantine") == [(0,)]


def check_doubts(site: Site, station: ShiftedStation) -> None:
    """Exactly what was written while the clock was wrong is marked, though it travelled when it was right again."""
    question = "SELECT json_extract(data, '$.serial') FROM events WHERE kind = 'decided' AND clock_suspect"
    marked = {row[0] for row in site.asked(question)}
    held = {row[0] for row in station.rows("SELECT p.serial FROM part p JOIN review r ON r.part = p.id")}
    assert marked - held == station.wrong & {row[0] for row in station.rows("SELECT serial FROM part")} - held
    assert len(station.wrong) > PARTS / 20


def check_pictures(station: ShiftedStation) -> None:
    """Records stay, pictures went: of the lowest class the oldest by part, whatever time they were stored at."""
    assert station.one("SELECT value FROM tally WHERE name = 'image.dropped'") > 0
    lowest = station.one("SELECT max(class) FROM image")
    verdict = {0: "review", 1: "reject"}.get(lowest, "accept")
    oldest = station.one("SELECT min(part) FROM image WHERE class = ?", lowest)
    gone = "SELECT max(id) FROM part p WHERE p.verdict = ? AND p.image IS NOT NULL AND NOT EXISTS"
    newest_gone = station.one(f"{gone} (SELECT 1 FROM image i WHERE i.digest = p.image)", verdict)
    assert newest_gone < oldest, (newest_gone, oldest, verdict)
    lost = "SELECT count(*) FROM review r JOIN part p ON p.id = r.part WHERE p.image IS NOT NULL AND NOT EXISTS"
    assert station.one(f"{lost} (SELECT 1 FROM image i WHERE i.digest = p.image)") == 0


def check_wire(wire: Wire) -> None:
    """Under the rate cap, and windows only after all that is more urgent."""
    began, ended = wire.heard[0][0], wire.heard[-1][0]
    largest = max(size for _, _, size in wire.heard)
    assert sum(size for _, _, size in wire.heard) <= CAP * (ended - began + 2.0) + 2 * largest
    channels = [channel for _, channel, _ in wire.heard]
    last_event = max(index for index, channel in enumerate(channels) if channel is Channel.EVENT)
    assert Channel.WINDOW not in channels[: last_event // 2]


def figures(site: Site, server: Server, station: ShiftedStation, wire: Wire) -> str:
    """What came through, in one line."""
    seconds, sizes = wire.heard[-1][0] - wire.heard[0][0], sum(size for _, _, size in wire.heard)
    (events, suspect), (windows,) = (
        site.asked("SELECT count(*), sum(clock_suspect) FROM events")[0],
        site.asked("SELECT count(*) FROM windows")[0],
    )
    dropped = station.one("SELECT value FROM tally WHERE name = 'image.dropped'")
    return (
        f"parts: journal {station.one('SELECT count(*) FROM part')}, fleet {counted(server)['parts']}; "
        f"{station.answers} answers, {events} events ({suspect} by a wrong clock), {windows} windows in "
        f"{seconds:.0f} s, {sizes / 1e6:.2f} MB ({sizes / max(seconds, 1) / 1e3:.0f} kB/s under a cap of "
        f"{CAP / 1e3:.0f}); {len(KILLS) + len(DURING_A_PART)} kills, {dropped} pictures dropped"
    )


def check_update(server: Server, station: ShiftedStation, second: BundleFolder) -> None:
    """By a clock ten years ahead signed metadata is over: nothing is installed, parts go on; then all is well."""
    first = read_slots(station.home.root).active
    station.clock.set_wrong(YEARS_10_S)
    noticed(station, True)
    server.publish_bundle(second)
    rollout = server.rollout(**ORDER)
    wait_for(
        lambda: "expired" in reported(server).get("reason", ""), SLOW_S, "the refusal of what is over by the clock"
    )
    assert reported(server)["clock_suspect"]
    station.inspect(3)
    assert read_slots(station.home.root).active == first
    station.clock.set_wrong(0.0)
    assert server.reaches(rollout, "done"), server.show(rollout)
    assert read_slots(station.home.root).active == second.id


def reported(server: Server) -> dict[str, Any]:
    return dict(server.client.get(f"/api/v1/devices/{DEVICE}")["reported"] or {})


@pytest.mark.slow
@pytest.mark.fault("A22")
@pytest.mark.fault("A25")
@pytest.mark.timeout(3600)
def test_two_weeks_without_a_network_and_with_wrong_clocks(tmp_path: Path, site: Site) -> None:
    station = ShiftedStation(tmp_path, DAYS * DAY_S + 7 * HOUR_S, quota_mb=max(0.3, PARTS * 0.0003))
    try:
        server = site.come()
        enrolled(server, station)
        changes = {"recipe__views__count": 1, "recipe__review_deadline_ms": int(4 * HOUR_S * 1000)}
        bundle = altered_bundle(tmp_path / "first", thresholds=(0.95, 0.965), **changes)
        server.publish_bundle(BundleFolder(bundle))
        station.start()
        assert server.reaches(server.rollout(**ORDER), "done")
        wait_for(station.ready, SLOW_S, "the first model")
        station.inspect(20)
        assert eventually(lambda: counted(server).get("parts", 0) >= 15)
        site.go()
        fourteen_days(station)
        station.clock.forward(5 * HOUR_S)
        wait_for(lambda: not station.one("SELECT count(*) FROM part WHERE final IS NULL"), SLOW_S, "the last deadline")
        server = site.come()
        wire = Wire(site.broker.url)
        station.kill("uplink")
        delivered(station)
        station.clock.forward(1.5 * HOUR_S)
        wait_for(lambda: in_windows(site) == judged(station), SLOW_S, "the last window")
        delivered(station)
        wire.close()
        check_totals(site, server, station)
        check_order(site, station)
        check_doubts(site, station)
        check_pictures(station)
        check_wire(wire)
        sys.stdout.write(f"{figures(site, server, station, wire)}\n")
        check_update(server, station, BundleFolder(altered_bundle(tmp_path / "second", TINY_2, **changes)))
    finally:
        station.close()
