"""The report's rules: numbers that one can work out by hand, and times on the wall's clock."""

from collections import Counter
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.report.downtime import Stretch, downtime
from edge_agent.report.lines import COLUMNS, csv_lines
from edge_agent.report.numbers import HOUR_MS, Part, bar_start, count, percentile
from edge_agent.report.page import columns, nice_top
from edge_agent.report.people import Answer, Check, Operator, add_checks, known_to, leaning
from edge_agent.report.period import Period, Shift, Wish, chosen, moment, rfc3339, shift_period
from edge_agent.report.show import Show

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60_000
EARLY, NIGHT = Shift("early", "06:00", "14:00"), Shift("night", "22:00", "06:00")


def at(text, zone=BERLIN):
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def part(number, at_ms=0, verdict="accept", final="accept", reason="model", **more):
    values = {"label": "", "score": 0.1, "bundle": "a", "latency_ms": 5.0, **more}
    return Part(number, at_ms, verdict, final, reason, **values)


def test_counts_shares_and_reasons():
    parts = [part(n) for n in range(6)] + [
        part(6, verdict="review", reason="operator"),
        part(7, verdict="review", final="reject", reason="timeout"),
        part(8, verdict="reject", final="reject", label="scratch"),
        part(9, verdict="reject", final="reject", reason="no-image", bundle=None, label="never seen", detail="absent"),
        part(10, verdict="review", final=None, reason="unsure"),
        part(11, verdict=None, final=None, reason=None, bundle=None, latency_ms=None),
    ]
    found = count(Period(0, HOUR_MS), parts, [])
    assert (found.parts, found.finished, found.accepted, found.rejected, found.waiting) == (12, 10, 7, 3, 2)
    assert (found.yielded, found.review_share) == (0.7, 3 / 11)
    assert (found.reasons, found.timeouts) == (Counter({"timeout": 1, "model": 1, "no-image": 1}), 1)
    assert found.details == Counter({"absent": 1})
    assert found.defects == Counter({"scratch": 1})
    assert [(m.bundle, m.parts, m.accepted, m.rejected) for m in found.models] == [("a", 10, 7, 2)]


def test_without_parts_there_are_no_shares():
    found = count(Period(0, HOUR_MS), [], [])
    assert (found.yielded, found.review_share, found.latency_p50_ms, found.operators) == (None, None, None, [])
    assert [bar.parts for bar in found.bars] == [0]


def test_percentiles_are_those_of_the_nearest_rank():
    counts = Counter({number * 10: 1 for number in range(1, 101)})
    assert (percentile(counts, 50), percentile(counts, 99), percentile(counts, 100)) == (50.0, 99.0, 100.0)
    assert percentile(Counter({73: 1}), 99) == 7.3
    latencies = count(Period(0, 9), [part(n, latency_ms=value) for n, value in enumerate([4.04, 9.0, 4.0])], [])
    assert (latencies.latency_p50_ms, latencies.latency_p99_ms) == (4.0, 9.0)


def test_overrides_are_decisions_against_what_the_machine_leans_to():
    answers = [
        Answer(1, "Ben", "accept", 0, 0, 0.7),
        Answer(2, "Ben", "reject", 0, 0, 0.7),
        Answer(3, "Anna", "reject", 0, 0, 0.3),
        Answer(4, "Anna", "accept", 0, 0, None),
        Answer(5, "Anna", "accept", 1, 0, 0.9),
        Answer(6, "Anna", "accept", 0, 1, 0.9),
        Answer(7, "Anna", "reject", 0, 0, 0.1, 1),
        Answer(8, "Anna", "reject", 0, 1, 0.1, 1),
    ]
    anna, ben = count(Period(0, 9), [], answers).operators
    assert (anna.name, anna.decided, anna.overrides_to_accept, anna.overrides_to_reject) == ("Anna", 2, 0, 1)
    assert (anna.late, anna.conflicts, anna.audited) == (1, 1, 2), "what is asked afterwards decided nothing"
    assert (ben.accepted, ben.rejected, ben.overrides_to_accept, ben.overrides) == (1, 1, 1, 1)
    assert [leaning(score) for score in (0.5, 0.49, None)] == ["reject", "accept", None]


def test_bars_begin_at_full_local_hours_and_leave_none_out():
    half = 30 * MINUTE
    parts = [part(1, HOUR_MS), part(2, HOUR_MS + half), part(3, 3 * HOUR_MS, final="reject", verdict="reject")]
    found = count(Period(HOUR_MS, 4 * HOUR_MS), parts, [], offset_ms=half)
    assert [(bar.start_ms // half, bar.accepted, bar.rejected) for bar in found.bars] == [
        (1, 1, 0), (3, 1, 0), (5, 0, 1), (7, 0, 0)
    ]  # fmt: skip
    running = count(Period(0, 8 * HOUR_MS), [part(1, HOUR_MS)], [], until_ms=2 * HOUR_MS)
    assert len(running.bars) == 2
    month = count(Period(0, 720 * HOUR_MS), [], [])
    assert (month.step_ms, len(month.bars)) == (24 * HOUR_MS, 30)
    assert bar_start(-1, HOUR_MS, 0) == -HOUR_MS


def test_downtime_is_what_no_ready_stretch_covers():
    stretches = [
        Stretch(-500, 2000, 1, ""),
        Stretch(2000, 2600, 0, "usb:0: gone"),
        Stretch(2600, 3000, 0, "disk full"),
        Stretch(5000, 9000, 1, ""),
    ]
    found = downtime(stretches, -900, Period(1000, 8000), 1_000_000)
    assert (found.since_ms, found.ready_ms, found.not_ready_ms, found.stopped_ms) == (1000, 4000, 1000, 2000)
    assert (found.reasons, found.down_ms) == ((("usb:0: gone", 600), ("disk full", 400)), 3000)
    assert found.availability == 4 / 7


def test_downtime_ends_now_and_begins_when_it_was_first_noted():
    running = [Stretch(4000, 5000, 1, "")]
    found = downtime(running, 4000, Period(0, 900_000), 34_000)
    assert (found.since_ms, found.ready_ms, found.down_ms) == (4000, 30_000, 0)
    dead = downtime(running, 4000, Period(0, 900_000), 205_000)
    assert (dead.ready_ms, dead.stopped_ms) == (1000, 200_000)
    assert downtime([], None, Period(0, 9), 9) is None
    assert downtime([], 100, Period(0, 9), 9) is None


def test_a_clock_set_back_counts_no_time_twice():
    stretches = [Stretch(0, 6000, 1, ""), Stretch(2000, 7000, 0, "x"), Stretch(1000, 8000, 1, "")]
    found = downtime(stretches, 0, Period(0, 8000), 1_000_000)
    assert (found.ready_ms, found.not_ready_ms, found.stopped_ms) == (7000, 1000, 0)


@pytest.mark.parametrize(
    ("shift", "now", "start", "end"),
    [
        (EARLY, "2026-03-02T13:59", "2026-03-02T06:00", "2026-03-02T14:00"),
        (EARLY, "2026-03-02T23:00", "2026-03-02T06:00", "2026-03-02T14:00"),
        (EARLY, "2026-03-02T05:59", "2026-03-01T06:00", "2026-03-01T14:00"),
        (NIGHT, "2026-03-02T03:00", "2026-03-01T22:00", "2026-03-02T06:00"),
        (NIGHT, "2026-03-02T12:00", "2026-03-01T22:00", "2026-03-02T06:00"),
        (NIGHT, "2026-03-02T22:00", "2026-03-02T22:00", "2026-03-03T06:00"),
    ],
)
def test_a_shift_is_the_running_one_or_the_last_that_ended(shift, now, start, end):
    assert shift_period(shift, at(now), BERLIN) == Period(at(start), at(end), shift.name)


def test_the_night_in_which_clocks_change_is_an_hour_shorter():
    period = shift_period(NIGHT, at("2026-03-29T12:00"), BERLIN)
    assert period.to_ms - period.from_ms == 7 * HOUR_MS


def test_times_are_given_as_people_and_programs_write_them():
    now = at("2026-03-02T12:00")
    assert moment("06:30", now, BERLIN) == at("2026-03-02T06:30")
    assert moment("2026-03-01T06:00:00Z", now, BERLIN) == at("2026-03-01T06:00", timezone.utc)
    assert moment("2026-03-01T06:00:00+05:30", now, BERLIN) == at("2026-03-01T00:30", timezone.utc)
    assert moment("2026-03-01T06:00", now, BERLIN) == at("2026-03-01T06:00")
    assert moment(rfc3339(now), now, BERLIN) == now
    assert chosen(Wish(), (), now, BERLIN) == Period(at("2026-03-02T00:00"), now)
    assert chosen(Wish(shift="early"), (EARLY, NIGHT), now, BERLIN).shift == "early"


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("24:00"), "give HH:MM of today"),
        (Wish("yesterday"), "give HH:MM of today"),
        (Wish("10:00", "09:00"), "give an earlier start"),
        (Wish("10:00", shift="early"), "either the shift or"),
        (Wish(shift="late"), "use one of: early, night"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(wish, words):
    with pytest.raises(Rejected, match=words):
        chosen(wish, (EARLY, NIGHT), at("2026-03-02T12:00"), BERLIN)
    with pytest.raises(Rejected, match="names none"):
        chosen(Wish(shift="early"), (), 0, BERLIN)


def test_no_cell_is_taken_for_a_formula_and_quotes_are_doubled():
    row = (1, "b", 1, "@SUM(A1)", 0, None, "accept", "accept", "model", 'a,"b"', 0.5, 4.0, None, "-Ben", "driven", None)
    text = "".join(csv_lines([(*row, 7, 3, 1)]))
    head, line, rest = text.split("\r\n")
    assert (head.split(","), rest) == (list(COLUMNS), "")
    assert line == (
        '1,b,1,\'@SUM(A1),1970-01-01T00:00:00.000Z,,accept,accept,model,"a,""b""",0.5,4.0,,\'-Ben,driven,,7,3,accepted'
    )


def test_lines_come_in_pieces_of_bounded_size():
    row = (
        1,
        "b",
        1,
        "",
        0,
        None,
        "accept",
        "accept",
        "model",
        "",
        0.5,
        4.0,
        None,
        "",
        "driven",
        None,
        None,
        None,
        None,
    )
    pieces = list(csv_lines(row for _ in range(1000)))
    assert len(pieces) == 6
    assert max(len(piece) for piece in pieces) < 20_000


def test_the_chart_stays_within_its_frame():
    found = count(Period(0, 8 * HOUR_MS), [part(n, HOUR_MS * (n % 3)) for n in range(40)], [])
    drawn = columns(found.bars, nice_top(14), HOUR_MS, "{start} {accepted}")
    assert nice_top(14) == 20
    assert all(bar.x >= 44 and bar.x + bar.width <= 1000 and bar.waiting_y >= 8 for bar in drawn)
    assert (drawn[0].accepted, drawn[3].accepted) == (pytest.approx(14 / 20 * 196), 0)


def test_numbers_are_written_as_the_language_does():
    assert (Show("en").number(1234.5, 1), Show("de").number(1234.5, 1)) == ("1,234.5", "1.234,5")
    assert [Show("en").span(s * 1000) for s in (5, 65, 90_000)] == ["5 s", "1 min 5 s", "1 d 1 h"]
    assert Show("en").percent(None) == "–"


def test_the_others_are_one_row_without_a_name_and_the_sums_stay():
    anna, ben, cem = Operator("Anna", 3, 1, 1, 0, 2, 0), Operator("Ben", 1, 1, 0, 1, 0, 1), Operator("Cem", 2, 2)
    assert known_to("Ben", [anna, ben, cem]) == [ben, Operator("", 5, 3, 1, 0, 2, 0)]
    assert known_to("Dora", [anna]) == [Operator("", 3, 1, 1, 0, 2, 0)]
    assert known_to("Ben", [ben]) == [ben]
    assert known_to("Ben", []) == []


def test_blind_answers_are_counted_by_person_and_are_for_supervisors():
    given = [("known", "Anna", "reject", "reject"), ("known", "Anna", "accept", "reject")]
    given += [("second", "Ben", "accept", "accept"), ("second", "Ben", "reject", "accept")]
    people = add_checks([Operator("Anna", accepted=3)], [Check(*row) for row in given])
    assert people == [
        Operator("Anna", accepted=3, known=2, known_right=1),
        Operator("Ben", seconds=2, seconds_agreed=1),
    ]
    assert known_to("Anna", people) == [Operator("Anna", accepted=3), Operator("")]
