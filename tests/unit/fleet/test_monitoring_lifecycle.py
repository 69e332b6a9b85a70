"""The ticket's life and its deduplication."""

import pytest

from edge_agent.contracts.errors import Rejected
from fleet.monitoring.causes import Cause
from fleet.monitoring.lifecycle import (
    ACTIONS,
    Mode,
    TicketHead,
    TicketPolicy,
    TicketState,
    after,
    cooling_until,
    first_state,
    matching,
)

S = TicketState


def test_the_straight_way():
    state = S.OPEN
    for action in ("approve", "claim", "served"):
        state = after(state, action, Cause.LIGHTING)
    assert state is S.SERVED


def test_lighting_is_not_trainable_before_a_person_approved():
    with pytest.raises(Rejected, match="approve"):
        after(S.OPEN, "claim", Cause.LIGHTING)
    assert after(S.OPEN, "claim", Cause.DATA) is S.CLAIMED


@pytest.mark.parametrize("state", [S.SERVED, S.DISMISSED])
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_what_has_ended_stays_ended(state, action):
    with pytest.raises(Rejected, match=state.value):
        after(state, action, Cause.DATA)


def test_unknown_action_names_the_known_ones():
    with pytest.raises(Rejected, match="approve, claim"):
        after(S.OPEN, "explode", Cause.DATA)


@pytest.mark.parametrize("mode", list(Mode))
def test_automatic_mode_never_approves_light_or_focus(mode):
    policy = TicketPolicy(mode=mode)
    assert first_state(Cause.LIGHTING, policy) is S.OPEN
    assert first_state(Cause.BLUR, policy) is S.OPEN
    assert (first_state(Cause.DATA, policy) is S.APPROVED) == (mode is Mode.AUTOMATIC)


def head(ticket="t1", state=S.OPEN, group="all", cause=Cause.LIGHTING, changed=1000, sites=("north",)):
    return TicketHead(ticket, state, "surface", group, frozenset(sites), cause, changed)


def test_same_kind_joins_the_live_ticket():
    assert matching([head()], "surface", "all", Cause.LIGHTING) == head()
    for other in (head(group="asia"), head(cause=Cause.DATA), head(state=S.SERVED)):
        assert matching([other], "surface", "all", Cause.LIGHTING) is None


def test_sites_are_one_group_unless_kept_apart():
    policy = TicketPolicy(site_groups={"asia": ("pune", "osaka")})
    assert [policy.group(site) for site in ("pune", "north", "osaka")] == ["asia", "all", "asia"]


def test_cooldown_counts_from_the_last_end_of_the_same_cause_at_the_same_site():
    policy = TicketPolicy(cooldown_ms=50)
    ended = [head("t1", S.SERVED, changed=100), head("t2", S.DISMISSED, changed=300), head("t3", sites=("south",))]
    assert cooling_until(ended, "surface", "north", Cause.LIGHTING, policy) == 350
    assert cooling_until(ended, "surface", "south", Cause.LIGHTING, policy) == 0
    assert cooling_until(ended, "surface", "north", Cause.DATA, policy) == 0
