"""What a device says of itself, as pure functions of what is known."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.verdict import Automation
from edge_agent.install.record import Record
from edge_agent.install.slots import Slots
from edge_agent.uplink.pictures import IDLE_S, LONGEST_S, pause
from edge_agent.uplink.reporting import HotView, Identity, health, own_versions, reported_state

A, B = "a" * 64, "b" * 64
IDENTITY = Identity(UUID(int=1), "generic", own_versions())
HEALTH = {"kind": "health", "ready": True, "bundle": A, "mode": "full", "runtime": "ai-edge-litert 2.3.0", "parts": 7}


def test_before_the_hot_process_has_spoken_the_pointer_is_believed():
    slots = Slots().activated(A, 4)
    state = reported_state(IDENTITY, Record(), slots, HotView(), 5, False)
    assert (state.running, state.running_release, state.ready, state.last_good) == (A, 4, False, None)


def test_afterwards_the_hot_process_is_believed():
    slots = Slots().activated(A, 4).activated(B, 5)
    state = reported_state(IDENTITY, Record(), slots, HotView().after(HEALTH), 5, True)
    assert (state.running, state.running_release, state.ready, state.clock_suspect) == (A, 4, True, True)
    assert state.automation is Automation.FULL
    assert state.versions["runtime"] == "ai-edge-litert 2.3.0"


def test_a_commit_in_the_journal_is_told_before_the_pointer_has_followed():
    slots = Slots().activated(A, 4)
    record = Record(state=UpdateState.COMMITTED, bundle=A)
    assert reported_state(IDENTITY, record, slots, HotView(), 5, False).last_good == A


def test_messages_of_the_hot_process_change_the_view():
    view = HotView().after({"kind": "activated", "bundle": B})
    assert (view.heard, view.bundle) == (True, B)
    assert not view.after(HEALTH).after({"kind": "child_exited", "child": "hot"}).ready
    assert view.after({"kind": "child_exited", "child": "ui"}) == view
    assert view.after({"kind": "health", "mode": "nonsense"}).mode is Automation.PARTIAL
    assert view.after({}) == view


def test_health_holds_counters_and_what_waits():
    message = health(IDENTITY, {"parts": 9}, HotView().after(HEALTH), {"outbox.event": 3.0}, 5, 1.23456)
    assert message.counters == {"parts": 9}
    assert message.gauges == {"parts": 7.0, "outbox.event": 3.0, "ready": 1.0}
    assert message.uptime_s == 1.235


@given(st.integers(0, 60), st.floats(0, 0.999))
def test_uploads_are_retried_ever_more_slowly_up_to_a_limit(failures, draw):
    assert 0 < pause(failures, draw) <= LONGEST_S
    assert pause(0, draw) == IDLE_S
