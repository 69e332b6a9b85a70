"""A period's rows from a real journal: found without an index, whatever the clock did, a page at a time."""

from uuid import UUID

import pytest

from edge_agent.clock import Clock
from edge_agent.config import ShiftConfig, StationConfig
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.strict import parse
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.reader import read_journal
from edge_agent.journal.uptime import BEAT_S, Uptime
from edge_agent.report import reading
from edge_agent.report.period import Period
from edge_agent.report.reading import finished_parts, read_numbers, spans
from edge_agent.report.trace import find_parts
from tests.simulators.clock import HandClock
from tests.simulators.old_journal import make_old

ACCEPT = Decision(Verdict.ACCEPT, Reason.MODEL, "ok", 0.1, bundle="a" * 64, latency_ms=5.0)
HOUR = 3_600_000


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "journal.db")
    yield made
    made.close()


def inspect(database, boot, times, serial=""):
    journal = Journal(database, UUID(int=boot))
    journal.begin(times[0])
    for at in times:
        journal.decide(journal.trigger(serial and f"{serial}{at}", at), ACCEPT, at)


def test_the_parts_of_a_period_are_found_in_every_boot(database, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 7)
    inspect(database, 9, [day * 24 * HOUR + n * 1000 for day in range(4) for n in range(50)])
    inspect(database, 3, [n * 1000 for n in range(20)])
    inspect(database, 5, [5 * 24 * HOUR + n for n in range(20)])
    period = Period(24 * HOUR + 10_000, 2 * 24 * HOUR + 5000)
    with read_journal(database.path) as reader:
        assert len(list(spans(reader, period))) == 1
        rows = list(finished_parts(reader, period))
        assert len(rows) == 45
        assert [row[4] for row in rows] == sorted(row[4] for row in rows)
        everything = read_numbers(reader, Period(0, 9 * 24 * HOUR), Clock(wall_ms=lambda: 9 * 24 * HOUR))
        assert (everything.parts, everything.downtime) == (240, None)


def test_a_clock_that_was_set_loses_no_part(database):
    times = [0, 1000, *range(400 * HOUR, 400 * HOUR + 50_000, 1000), *range(400 * HOUR - 1800_000, 400 * HOUR, 60_000)]
    inspect(database, 1, times)
    period = Period(400 * HOUR - 600_000, 400 * HOUR + 20_000)
    expected = [at for at in times if period.holds(at)]
    with read_journal(database.path) as reader:
        assert sorted(row[4] for row in finished_parts(reader, period)) == sorted(expected)


def test_only_few_rows_are_looked_at_to_find_a_short_time_in_a_long_journal(database):
    inspect(database, 1, [n * HOUR for n in range(2000)])
    asked = []
    with read_journal(database.path) as reader:
        reader._connection.set_trace_callback(asked.append)
        assert len(list(finished_parts(reader, Period(1500 * HOUR, 1502 * HOUR)))) == 2
    assert len(asked) < 40


def test_serials_are_found_exactly_and_by_their_beginning_with_the_index(database):
    inspect(database, 1, [1, 10, 100, 2], serial="A_")
    inspect(database, 1, [3], serial="a%")
    with read_journal(database.path) as reader:
        assert [hit.serial for hit in find_parts(reader, "A_1")] == ["A_1", "A_100", "A_10"]
        assert find_parts(reader, "a_") == find_parts(reader, "") == find_parts(reader, "%") == []
        plans = [
            reader._connection.execute(f"EXPLAIN QUERY PLAN {reader._sql[name]}", values).fetchall()
            for name, values in (
                ("parts_with_serial", {"serial": "A", "limit": 9}),
                ("parts_with_prefix", {"serial": "A", "beyond": "B", "limit": 9}),
            )
        ]
    for plan in plans:
        assert len(plan) == 1, "one search, no sorting"
        assert "USING INDEX part_serial" in plan[0][3]


def test_readiness_is_written_when_it_changes_and_moved_along_in_between(database):
    clock = HandClock(wall=5000.0)
    uptime = Uptime(database, UUID(int=1), clock.clock)
    uptime.step()
    assert stretches(database) == []
    uptime.note(True, "")
    for _ in range(3):
        uptime.step()
        clock.forward(1.0)
    assert stretches(database) == [(0, 0, 1, "")]
    clock.forward(BEAT_S)
    uptime.step()
    uptime.note(False, "usb:0: gone")
    clock.forward(2.0)
    uptime.step()
    clock.forward(1.0)
    uptime.close()
    changed = 1000 * int(5 + BEAT_S)
    assert stretches(database) == [(0, changed, 1, ""), (changed, changed + 1000, 0, "usb:0: gone")]


def stretches(database, start=5_000_000):
    rows = database.rows("readiness", from_ms=0, to_ms=1 << 60)
    return [(begin - start, end - start, ready, why) for begin, end, ready, why in rows]


def test_a_clock_that_was_set_ends_a_stretch_where_it_was(database):
    clock = HandClock(wall=5000.0)
    uptime = Uptime(database, UUID(int=1), clock.clock)
    uptime.note(True, "")
    uptime.step()
    clock.forward(BEAT_S)
    uptime.step()
    clock.jump(1e9)
    uptime.step()
    later = 1_000_000_000_000 + int(BEAT_S * 1000)
    assert stretches(database) == [(0, int(BEAT_S * 1000), 1, ""), (later, later, 1, "")]


def test_the_last_part_proves_how_long_a_killed_station_lived(database):
    database.insert("begin_readiness", boot=str(UUID(int=1)), at_ms=1000, ready=1, why="")
    inspect(database, 1, [2000, 9000])
    uptime = Uptime(database, UUID(int=2), HandClock(wall=5000.0).clock)
    uptime.note(True, "")
    uptime.step()
    assert database.rows("readiness", from_ms=0, to_ms=1 << 60)[0][:2] == (1000, 9000)


def test_a_journal_of_an_earlier_schema_is_read_too(database):
    inspect(database, 1, [1000])
    make_old(database.path, 3)
    with read_journal(database.path) as reader:
        assert read_numbers(reader, Period(0, 2000)).parts == 1


def test_shifts_are_read_as_yaml_gives_them(tmp_path):
    content = {"shifts": [{"name": "early", "from": "06:00", "to": 840}, {"name": "late", "from": 840, "to": "22:00"}]}
    first, second = parse(StationConfig, content, "station.yaml").shifts
    assert (first.start, first.end, second.start) == ("06:00", "14:00", "14:00")
    for shifts, words in (
        ([{"name": "a", "from": "06:00", "to": "06:00"}], "give it another end"),
        ([{"name": "a", "from": "6", "to": "07:00"}], "shifts.0.from"),
        ([{"name": "a", "from": "06:00", "to": "07:00"}] * 2, "of its own"),
        ([{"name": "a", "form": "06:00", "to": "07:00"}], "from"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse(StationConfig, {"shifts": shifts}, "station.yaml")
    assert ShiftConfig.model_fields["start"].alias == "from"
    with (
        pytest.raises(ConfigError, match="start the station"),
        read_journal(tmp_path / "none.db"),
    ):
        pass
