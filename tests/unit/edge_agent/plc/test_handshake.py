"""The handshake as rules: triggers by number, one result at a time, gaps counted, restarts on either side."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.plc import Command, Disposition, Order, PlcPart, Status, report_registers
from edge_agent.plc.handshake import Acted, Answer, Handshake, RecipeWanted, State, Triggered
from tests.simulators.plc import Conveyor, PlcProgram

READY = State(ready=True, fault=False, review=False, heartbeat=1, recipe=1)
RUN = 9


def order(sequence: int, command: Command = Command.TRIGGER, **fields: object) -> Order:
    return replace(Order(command, sequence, run=RUN), **fields)  # type: ignore[arg-type]


def part(sequence: int) -> PlcPart:
    return PlcPart(RUN, sequence)


def test_a_part_is_taken_once_answered_and_taken_away() -> None:
    handshake = Handshake(5, None)
    assert handshake.hear(order(1, serial="A7")) == [Triggered(part(1), "A7", 0)]
    assert handshake.hear(order(1, serial="A7")) == []
    busy = handshake.report(READY)
    assert (busy.status, busy.taken) == (Status.READY | Status.BUSY, 0)

    handshake.written(part(1))
    assert handshake.report(READY).taken == 1
    handshake.answer(Answer(part(1), True, 0))
    valid = handshake.report(READY)
    assert valid.status == Status.READY | Status.RESULT_VALID | Status.PASS
    assert (valid.sequence, valid.code) == (1, 0)

    acted = handshake.hear(order(1, Command.ACK, echo=1, disposition=Disposition.ACCEPTED))
    assert acted == [Acted(part(1), Disposition.ACCEPTED)]
    assert handshake.report(READY).status == Status.READY
    assert handshake.hear(order(1, Command(0), echo=1, disposition=Disposition.ACCEPTED)) == []


def test_a_result_says_more_of_its_code_as_long_as_it_is_shown() -> None:
    handshake = Handshake(5, None)
    handshake.hear(order(1))
    handshake.answer(Answer(part(1), False, 21, 3))
    shown = handshake.report(READY)
    assert (shown.code, shown.detail, report_registers(shown)[-1]) == (21, 3, 3)
    handshake.hear(order(1, Command.ACK, echo=1, disposition=Disposition.REJECTED))
    assert handshake.report(READY).detail == 0


def test_results_wait_for_each_other() -> None:
    handshake = Handshake(5, None)
    for sequence in (1, 2):
        handshake.hear(order(sequence))
        handshake.answer(Answer(part(sequence), sequence == 2, 0))
    assert handshake.report(READY).sequence == 1
    handshake.hear(order(2, Command.ACK, echo=1, disposition=Disposition.REJECTED))
    assert Status.RESULT_VALID not in handshake.report(READY).status
    handshake.hear(order(2, Command(0), echo=1, disposition=Disposition.REJECTED))
    assert handshake.report(READY).sequence == 2


def test_a_part_on_which_the_plc_gave_up_holds_up_no_other() -> None:
    handshake = Handshake(5, None)
    for sequence in (1, 2, 3, 4):
        handshake.hear(order(sequence))
    for sequence in (1, 2, 4):
        handshake.answer(Answer(part(sequence), True, 0))
    for gone in (2, 3):
        handshake.hear(order(4, Command(0), echo=gone, disposition=Disposition.NO_RESULT))
    handshake.answer(Answer(part(3), True, 0))
    assert handshake.report(READY).sequence == 1
    handshake.hear(order(4, Command.ACK, echo=1, disposition=Disposition.ACCEPTED))
    handshake.hear(order(4, Command(0), echo=1, disposition=Disposition.ACCEPTED))
    assert handshake.report(READY).sequence == 4


def test_missed_parts_are_counted_over_a_restart_and_over_the_end_of_the_numbers() -> None:
    (event,) = Handshake(5, part(65_534)).hear(order(2))
    assert event == Triggered(part(2), "", 2)
    assert Handshake(5, part(4)).hear(order(4)) == []


def test_a_counter_that_began_anew_is_no_gap() -> None:
    handshake = Handshake(5, PlcPart(RUN - 1, 60_000))
    (event,) = handshake.hear(order(3))
    assert event == Triggered(part(3), "", 0)
    (event,) = handshake.hear(order(40_000))
    assert event == Triggered(part(40_000), "", 0)


def test_an_answer_that_nobody_waits_for_is_not_shown() -> None:
    handshake = Handshake(5, None)
    handshake.hear(order(1))
    handshake.answer(Answer(part(2), True, 0))
    handshake.answer(Answer(PlcPart(RUN + 1, 1), True, 0))
    assert Status.RESULT_VALID not in handshake.report(READY).status
    handshake.answer(Answer(part(1), False, 21))
    handshake.answer(Answer(part(1), True, 0))
    assert handshake.report(READY).status & (Status.PASS | Status.RESULT_VALID) == Status.RESULT_VALID


def test_a_reset_ends_what_is_under_way_and_no_part_is_taken_while_it_lasts() -> None:
    handshake = Handshake(5, None)
    for sequence in (1, 2, 3):
        handshake.hear(order(sequence))
    for sequence in (1, 2):
        handshake.answer(Answer(part(sequence), True, 0))
    assert handshake.report(READY).sequence == 1

    assert handshake.hear(order(3, Command.RESET)) == []
    cleared = handshake.report(READY)
    assert (cleared.status, cleared.sequence) == (Status.READY, 0)
    assert handshake.hear(order(4, Command.RESET | Command.TRIGGER)) == []
    handshake.answer(Answer(part(3), True, 0))
    assert Status.RESULT_VALID not in handshake.report(READY).status, "its place at the gate is empty"

    (event,) = handshake.hear(order(5))
    assert event == Triggered(part(5), "", 1), "what was triggered meanwhile is a missed part"
    handshake.answer(Answer(part(5), True, 0))
    assert handshake.report(READY).sequence == 5


def test_a_reset_that_stays_on_drops_once() -> None:
    handshake = Handshake(5, None)
    handshake.hear(order(1, Command.RESET))
    handshake.hear(order(1))
    handshake.answer(Answer(part(1), True, 0))
    handshake.hear(order(1, Command(0)))
    assert handshake.report(READY).sequence == 1


def test_another_recipe_is_asked_for_once() -> None:
    handshake = Handshake(5, None)
    assert handshake.hear(order(0, recipe=2)) == [RecipeWanted(2)]
    assert handshake.hear(order(0, recipe=2)) == []
    assert handshake.hear(order(0, recipe=0)) == [RecipeWanted(0)]
    assert handshake.hear(order(0, recipe=2)) == [RecipeWanted(2)]


STEPS = st.lists(st.sampled_from(["scan", "poll", "poll", "write", "answer", "kill"]), min_size=40, max_size=400)


@settings(deadline=None, max_examples=150)
@given(STEPS, st.integers(0, 3))
def test_whatever_dies_the_journal_counts_what_the_plc_counts(steps: list[str], pass_every: int) -> None:
    """The real PLC program against the handshake, in any order, the station killed at any point."""
    program = PlcProgram(Conveyor(period_s=3.0, deadline_s=9.0, held_while_not_ready=False), run=RUN)
    journal: dict[PlcPart, bool | None] = {}
    handshake, inbox, now = Handshake(1, None), list[Triggered](), 0.0

    def settle() -> None:
        nonlocal now
        for step in ["scan", "poll", "write", "answer"] * 40:
            do(step)

    def do(step: str) -> None:
        nonlocal handshake, inbox, now
        if step == "scan":
            now += 1.0
            program.scan(now)
        elif step == "poll":
            inbox += [event for event in handshake.hear(program.order()) if isinstance(event, Triggered)]
            program.report = handshake.report(replace(READY, heartbeat=int(now)))
            report_registers(program.report)
        elif step == "write" and inbox:
            event = inbox.pop(0)
            for missed in range(event.missed):
                journal[PlcPart(RUN, event.part.sequence - event.missed + missed)] = False
            assert event.part not in journal, "a part was counted twice"
            journal[event.part] = None
            handshake.written(event.part)
        elif step == "answer":
            for key in [key for key, decided in journal.items() if decided is None]:
                journal[key] = key.sequence % (pass_every + 1) == 0
                handshake.answer(Answer(key, bool(journal[key]), 0))
        elif step == "kill":
            journal.update({key: False for key, decided in journal.items() if decided is None})
            handshake, inbox = Handshake(2, max(journal, default=None)), []

    for step in steps:
        do(step)
    program.conveyor = replace(program.conveyor, parts=program.triggered)
    settle()
    counted = sorted(key.sequence for key in journal)
    assert counted == list(range(counted[0], program.triggered + 1)) if program.triggered else not counted
    accepted = {number for number, went in program.dispositions.items() if went is Disposition.ACCEPTED}
    assert accepted <= {key.sequence for key, passed in journal.items() if passed}


def test_after_a_stall_the_results_are_in_time_again() -> None:
    """The real PLC program; telling a result takes as long as a part does: a backlog would never get shorter."""
    program = PlcProgram(Conveyor(period_s=0.05, deadline_s=1.0, held_while_not_ready=False), run=RUN)
    handshake, inbox = Handshake(1, None), list[PlcPart]()
    for millisecond in range(15_000):
        now = millisecond / 1000
        program.scan(now)
        if millisecond % 25:
            continue
        inbox += [event.part for event in handshake.hear(program.order()) if isinstance(event, Triggered)]
        for taken in inbox:
            handshake.written(taken)
        if not 1.0 <= now < 2.2:
            for taken in inbox:
                handshake.answer(Answer(taken, True, 0))
            inbox.clear()
        program.report = handshake.report(replace(READY, heartbeat=millisecond))
    late = [number for number, went in program.dispositions.items() if went is Disposition.NO_RESULT]
    assert 0 < len(late) < 30, "the parts of the stall alone"
    assert max(late) < 60
