"""Which text is the serial, and what a missing or known one makes of the verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.recipe import Identity, IdPolicy
from edge_agent.contracts.verdict import ABOUT_ID, Automation, Reason, Verdict
from edge_agent.decision.identity import SERIAL_CHARACTERS, is_serial, ruling_on_identity, serial_among
from edge_agent.decision.verdict import Ruling

STRICTNESS = [Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT]
ACCEPTED = Ruling(Verdict.ACCEPT, Reason.MODEL)
UNSURE = Ruling(Verdict.REVIEW, Reason.UNSURE)
DEFECTIVE = Ruling(Verdict.REJECT, Reason.MODEL)

rulings = st.one_of(
    st.sampled_from([ACCEPTED, UNSURE, DEFECTIVE, Ruling(Verdict.REVIEW, Reason.MODEL)]),
    st.sampled_from(Reason).map(lambda reason: Ruling(Verdict.REJECT, reason)),
)
problems = st.sampled_from([None, Reason.NO_ID, Reason.DUPLICATE_ID])
identities = st.builds(Identity, missing=st.sampled_from(IdPolicy), duplicate=st.sampled_from(IdPolicy))


@given(rulings, problems, identities, st.sampled_from(Automation), st.booleans())
def test_identity_makes_no_verdict_milder_and_obeys_its_policy(
    ruling: Ruling, problem: Reason | None, identity: Identity, automation: Automation, late: bool
) -> None:
    after = ruling_on_identity(ruling, problem, identity, automation, late)
    assert STRICTNESS.index(after.verdict) >= STRICTNESS.index(ruling.verdict)
    if ruling.verdict is Verdict.REJECT:
        assert after == ruling, "a failure or a defect keeps its reason"
        return
    if late:
        assert after == Ruling(Verdict.REJECT, Reason.LATE)
        return
    policy = {None: IdPolicy.IGNORE, Reason.NO_ID: identity.missing}.get(problem, identity.duplicate)
    if policy is IdPolicy.IGNORE:
        assert after == ruling
    else:
        assert after.reason is problem
        asked = policy is IdPolicy.REVIEW and automation is not Automation.FULL
        assert after.verdict is (Verdict.REVIEW if asked else Verdict.REJECT)


def test_the_default_policies_change_nothing() -> None:
    for problem in (None, *ABOUT_ID):
        assert ruling_on_identity(ACCEPTED, problem, Identity(), Automation.PARTIAL, False) == ACCEPTED


@pytest.mark.parametrize(
    ("texts", "pattern", "serial"),
    [
        ([], "", ""),
        (["a"], "", "a"),
        (["a", "a"], "", "a"),
        (["a", "b"], "", ""),
        (["lot-7", "SN-12"], "SN-[0-9]+", "SN-12"),
        (["SN-11", "SN-12"], "SN-[0-9]+", ""),
        (["SN-12x"], "SN-[0-9]+", ""),
        (["", " "], "", ""),
        (["a\x1db"], "", ""),
    ],
)
def test_the_serial_is_the_one_text_that_can_be_one(texts: list[str], pattern: str, serial: str) -> None:
    assert serial_among(texts, pattern) == serial


def test_a_text_too_long_for_a_serial_is_none_rather_than_cut() -> None:
    assert is_serial("x" * SERIAL_CHARACTERS, "")
    assert not is_serial("x" * (SERIAL_CHARACTERS + 1), "")
