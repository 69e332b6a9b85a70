"""How long is tried, when a part is given up, and when somebody hears of it."""

from __future__ import annotations

from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.outputs.delivery import FIRST_DELAY_S, LONGEST_DELAY_S, REFUSALS_MAX, Tries


def after(*errors: type[Rejected] | type[Unavailable]) -> Tries:
    tries = Tries()
    for kind in errors:
        tries = tries.after(kind("no"))
    return tries


def test_a_receiver_that_is_away_is_asked_for_ever() -> None:
    tries = after(*[Unavailable] * 100_000)
    assert not tries.exhausted
    assert tries.worth_a_fault
    assert tries.pause_s(0.999) <= LONGEST_DELAY_S


def test_a_refused_part_is_given_up_after_some_refusals_whatever_lies_between() -> None:
    assert not after(*[Rejected] * (REFUSALS_MAX - 1)).exhausted
    assert after(*[Rejected] * REFUSALS_MAX).exhausted
    assert after(*[Rejected, Unavailable] * REFUSALS_MAX).exhausted


def test_pauses_double_and_are_spread() -> None:
    pauses = [after(*[Unavailable] * n).pause_s(0.0) for n in range(1, 10)]
    assert pauses[0] == FIRST_DELAY_S / 2
    assert pauses[1:5] == [2 * pause for pause in pauses[:4]]
    assert pauses[-1] == LONGEST_DELAY_S / 2
    assert after(Unavailable).pause_s(0.1) != after(Unavailable).pause_s(0.9)
    refusing = [after(*[Rejected] * n) for n in range(1, REFUSALS_MAX)]
    assert 3 <= sum(t.pause_s(0.0) for t in refusing) <= sum(t.pause_s(1.0) for t in refusing) <= 6.5
