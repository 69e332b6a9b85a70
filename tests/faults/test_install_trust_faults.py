"""Fault cases of the model update: signatures, replays, expiry, stolen keys and wrong clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge_agent.contracts.messages import Probation
from edge_agent.contracts.states import UpdateState
from tests.simulators.clock import HandClock
from tests.simulators.made_up import made_up_bundle
from tests.simulators.update_cases import (
    YEARS_10_S,
    alarms,
    events,
    station,
)

S = UpdateState


@pytest.mark.fault("A24")
@pytest.mark.fault("C16")
def test_a_changed_manifest_is_refused_by_its_signature(registry, champion, tmp_path):
    first, second = champion
    registry.corrupt.add(f"targets/plate/2/{second.bundle}.manifest.json")
    device = station(registry, tmp_path)
    device.offer(second, 2)
    record = device.work()
    assert (record.state, device.hot.running) == (S.REJECTED, first.bundle)
    assert "signature does not hold" in record.reason


@pytest.mark.fault("A24")
@pytest.mark.parametrize("lie", [{"bundle": "0" * 64}, {"release": 7}, {"name": "other"}, {"version": "9"}])
def test_a_release_that_is_signed_for_something_else_is_refused(registry, champion, tmp_path, lie):
    ref = registry.publish(made_up_bundle(tmp_path / "third", "3"), 3, **lie)
    device = station(registry, tmp_path)
    device.offer(ref, 2)
    record = device.work()
    assert record.state is S.REJECTED
    assert "is signed for" in record.reason


@pytest.mark.fault("F15")
@pytest.mark.parametrize("shift", [-YEARS_10_S * 5, YEARS_10_S])
def test_a_clock_at_1970_or_ten_years_ahead_accepts_nothing_expired_and_bricks_nothing(
    registry, champion, tmp_path, shift
):
    second = champion[1]
    hand = HandClock()
    issued = hand.clock.wall_ms()
    registry.expires = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
    registry.sign()
    hand.jump(shift)
    device = station(registry, tmp_path, clock=hand.clock, issued_ms=issued)
    assert device.guard.suspect
    device.offer(second, 2)
    device.updater.step()
    device.updater.step()
    assert device.updater.record.state is S.OFFERED
    assert "expired" in device.updater.record.reason
    hand.jump(-shift)
    registry.expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    registry.sign()
    assert device.work().state is S.COMMITTED
    assert not device.guard.suspect


@pytest.mark.fault("F15")
def test_a_clock_at_1970_still_installs_what_is_valid_now(registry, champion, tmp_path):
    hand = HandClock()
    issued = hand.clock.wall_ms()
    hand.jump(-hand.wall + 60)
    device = station(registry, tmp_path, clock=hand.clock, issued_ms=issued)
    device.offer(champion[1], 2)
    assert device.work().state is S.COMMITTED


@pytest.mark.fault("A25")
@pytest.mark.parametrize("jump", [-86_400.0, YEARS_10_S])
def test_a_jumping_clock_is_flagged_and_moves_no_probation(registry, champion, tmp_path, jump):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    device.offer(champion[1], 2, probation=Probation(seconds=30, parts=0))
    device.work(until=S.PROBATION)
    assert not device.guard.suspect
    hand.jump(jump)
    device.updater.step()
    assert device.updater.record.state is S.PROBATION
    assert device.guard.suspect
    hand.forward(31)
    assert device.work().state is S.COMMITTED


@pytest.mark.fault("F16")
def test_metadata_that_expires_during_a_download_lets_it_finish_and_stops_the_next(registry, champion, tmp_path):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    device.offer(champion[1], 2)
    device.work(until=S.DOWNLOADING)
    hand.forward(2 * 86_400)
    assert device.work().state is S.COMMITTED
    third = registry.publish(made_up_bundle(tmp_path / "third", "3"), 3)
    device.offer(third, 3)
    device.updater.step()
    device.updater.step()
    assert device.updater.record.state is S.OFFERED
    assert "expired" in device.updater.record.reason
    assert any(b'"code":"registry-expired"' in entry.payload for entry in events(device))


@pytest.mark.fault("F17")
def test_replayed_old_metadata_is_reported_as_a_rollback_attack(registry, champion, tmp_path):
    old = {path: data for path, data in registry.files.items() if path.startswith("metadata/")}
    third = registry.publish(made_up_bundle(tmp_path / "third", "3"), 3)
    device = station(registry, tmp_path)
    device.offer(third, 2)
    assert device.work().state is S.COMMITTED
    registry.files.update(old)
    device.offer(third.model_copy(update={"release": 4, "bundle": "4" * 64}), 3)
    record = device.work()
    assert (record.state, device.hot.running) == (S.REJECTED, third.bundle)
    assert "rollback attack" in record.reason


@pytest.mark.fault("F19")
def test_one_stolen_targets_key_of_two_installs_nothing_and_rotation_recovers(registry, champion, tmp_path):
    first, second = champion
    registry.rotate_targets_key(threshold=2)
    registry.sign(targets_signers=1)
    device = station(registry, tmp_path)
    device.offer(second, 2)
    record = device.work()
    assert (record.state, device.hot.running) == (S.REJECTED, first.bundle)
    registry.rotate_targets_key(threshold=2)
    device.offer(second, 3)
    assert device.work().state is S.COMMITTED


@pytest.mark.fault("F18")
def test_a_frozen_timestamp_raises_the_alarm_before_it_expires_and_the_champion_serves(registry, champion, tmp_path):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    device.arrival.look()
    assert alarms(device) == []
    hand.forward(20 * 3600)
    device.arrival.look()
    device.arrival.look()
    assert alarms(device) == [("registry-stale", True)]
    hand.forward(5 * 3600)
    device.arrival.look()
    assert alarms(device)[-1] == ("registry-expired", True)
    assert device.work().state is S.COMMITTED
    registry.expires += timedelta(days=2)
    registry.sign()
    device.arrival.look()
    assert set(alarms(device)[2:]) == {("registry-expired", False), ("registry-stale", False)}


@pytest.mark.fault("F17")
def test_a_settled_device_reports_a_registry_that_was_set_back(registry, champion, tmp_path):
    old = {path: data for path, data in registry.files.items() if path.startswith("metadata/")}
    registry.sign()
    device = station(registry, tmp_path)
    device.arrival.look()
    registry.files.update(old)
    device.arrival.look()
    assert alarms(device) == [("registry-refused", True)]
