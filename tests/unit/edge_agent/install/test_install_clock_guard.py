"""When a wall clock may be believed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.install.clock_guard import HORIZON_MS, ClockGuard, is_suspect, reference_ms
from edge_agent.journal.database import Database
from tests.simulators.clock import HandClock

DAY_MS = 86_400_000


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_expiry_is_never_judged_by_a_time_before_the_floor(wall, floor):
    assert reference_ms(wall, floor) >= floor


def test_the_bounds_of_belief():
    floor = 1_800_000_000_000
    assert not is_suspect(floor, floor, 0)
    assert not is_suspect(floor + HORIZON_MS, floor, 0)
    assert is_suspect(floor + HORIZON_MS + 1, floor, 0)
    assert is_suspect(floor - DAY_MS, floor, 0)
    assert is_suspect(floor, floor, DAY_MS)
    assert is_suspect(floor, floor, -DAY_MS)


def test_the_floor_survives_a_reboot_and_never_sinks(tmp_path):
    hand = HandClock()
    now = hand.clock.wall_ms()
    guard = ClockGuard(Database(tmp_path / "journal.db"), hand.clock, now)
    guard.confirm(now + DAY_MS)
    guard.confirm(now)
    again = ClockGuard(Database(tmp_path / "journal.db"), hand.clock, now - DAY_MS)
    assert again.floor_ms == now + DAY_MS
    assert again.suspect


def test_a_jump_is_flagged_until_signed_metadata_confirms_the_new_time(tmp_path):
    hand = HandClock()
    guard = ClockGuard(Database(tmp_path / "journal.db"), hand.clock, hand.clock.wall_ms() - DAY_MS)
    hand.forward(3600)
    assert not guard.suspect
    hand.jump(7200)
    assert guard.suspect
    guard.confirm(hand.clock.wall_ms())
    assert not guard.suspect


def test_a_clock_set_while_the_station_did_not_run_is_noticed_until_the_machine_starts_anew(tmp_path):
    hand, database = HandClock(), Database(tmp_path / "journal.db")
    issued = hand.clock.wall_ms() - 30 * DAY_MS
    ClockGuard(database, hand.clock, issued, "first")
    hand.jump(-86_400)
    guard = ClockGuard(database, hand.clock, issued, "first")
    assert guard.suspect
    assert guard.true_ms == hand.clock.wall_ms() + DAY_MS
    assert not ClockGuard(database, hand.clock, issued, "second").suspect


def test_an_offset_of_a_clock_that_nobody_believes_is_not_kept(tmp_path):
    hand, database = HandClock(), Database(tmp_path / "journal.db")
    issued = hand.clock.wall_ms()
    hand.jump(-DAY_MS)
    assert ClockGuard(database, hand.clock, issued, "first").suspect
    hand.jump(DAY_MS)
    assert not ClockGuard(database, hand.clock, issued, "first").suspect
