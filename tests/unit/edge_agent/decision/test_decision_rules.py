"""Scores become verdicts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.sampling import PictureClass, Shares, pictures_to_keep, sampled
from edge_agent.decision.verdict import Ruling, judge, opinion

PAIR = ThresholdPair(accept_below=0.3, reject_above=0.7)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(0.0, "accept"), (0.2999, "accept"), (0.3, "review"), (0.6999, "review"), (0.7, "reject"), (1.0, "reject")],
)
def test_the_machine_is_sure_outside_the_thresholds(score: float, verdict: str) -> None:
    assert opinion(score, PAIR) is Verdict(verdict)


@given(st.floats(allow_nan=True), st.sampled_from(Automation), st.booleans(), st.sampled_from([None, *Reason]))
def test_nothing_that_failed_is_ever_accepted(
    score: float, automation: Automation, late: bool, failure: Reason | None
) -> None:
    ruling = judge(failure, score, PAIR, automation, late)
    if failure is not None or late or math.isnan(score) or score >= PAIR.accept_below:
        assert ruling.verdict is not Verdict.ACCEPT
    if failure is not None:
        assert ruling == Ruling(Verdict.REJECT, failure)


def test_full_automation_asks_nobody() -> None:
    assert judge(None, 0.5, PAIR, Automation.FULL, False) == Ruling(Verdict.REJECT, Reason.UNSURE)
    assert judge(None, 0.1, PAIR, Automation.FULL, False) == Ruling(Verdict.ACCEPT, Reason.MODEL)


@pytest.mark.parametrize("automation", [Automation.HUMAN, Automation.SHADOW, Automation.ASSIST])
def test_below_partial_a_person_decides(automation: Automation) -> None:
    assert judge(None, 0.99, PAIR, automation, False) == Ruling(Verdict.REVIEW, Reason.MODEL)
    assert judge(Reason.NO_IMAGE, None, PAIR, automation, False).verdict is Verdict.REJECT


def test_pictures_are_kept_by_class_and_drawn_with_a_known_probability() -> None:
    shares = Shares(0.05, 0.1)

    def keep(verdict: str, score: float, draw: float) -> tuple[PictureClass, bool, float] | None:
        drawn = None
        if verdict != "review":
            drawn = sampled(Verdict(verdict), score, PAIR, Automation.PARTIAL, shares, draw)
        kept = pictures_to_keep(Verdict(verdict), score, PAIR, shares, draw, drawn)
        return None if kept is None else (kept.kind, kept.upload, kept.probability)

    assert keep("review", 0.5, 0.9) == (PictureClass.REVIEW, True, 1.0)
    assert keep("reject", 0.9, 0.9) == (PictureClass.REJECT, False, 1.0)
    assert keep("accept", 0.2, 0.04) == (PictureClass.AUDIT, True, 0.05), "hard parts are audited like all others"
    assert keep("accept", 0.2, 0.5) == (PictureClass.HARD, False, 1.0)
    assert keep("accept", 0.01, 0.1) == (PictureClass.ACCEPT, False, 0.1)
    assert keep("accept", 0.01, 0.16) is None
