"""Fault cases of the model update: killed at every point with SIGKILL, cut, rolled back."""

from __future__ import annotations

import signal

import pytest

from edge_agent.contracts.messages import Probation, Stream
from edge_agent.contracts.states import UpdateState
from edge_agent.install.slots import read_slots
from edge_agent.journal import outbox
from tests.simulators.clock import HandClock
from tests.simulators.update_cases import (
    biggest,
    check_whole,
    events,
    run_until_killed,
    state,
    station,
    wish,
)

S = UpdateState


@pytest.mark.slow
@pytest.mark.fault("F01")
@pytest.mark.fault("F03")
@pytest.mark.fault("F05")
def test_killed_in_every_state_it_goes_on_and_is_never_a_mix(registry, champion, tmp_path):
    first, second = champion
    happy = [S.OFFERED, S.VERIFIED, S.DOWNLOADING, S.STAGED, S.SELFTEST, S.READY, S.ACTIVATING, S.PROBATION]
    for point in happy:
        assert run_until_killed(registry, tmp_path, wish(second), point.value) == -signal.SIGKILL, point
        assert state(tmp_path) == point.value
        check_whole(tmp_path, first, second)
        if point is not S.PROBATION:
            assert read_slots(tmp_path / "home").active == first.bundle
    assert run_until_killed(registry, tmp_path, wish(second), "COMMITTED") == -signal.SIGKILL
    assert run_until_killed(registry, tmp_path, wish(second), "never") == 0
    slots = read_slots(tmp_path / "home")
    assert (slots.active, slots.previous, slots.last_good) == (second.bundle, first.bundle, second.bundle)


@pytest.mark.slow
@pytest.mark.fault("F02")
def test_killed_before_every_rename_there_is_the_old_or_the_new_tree(registry, champion, tmp_path):
    first, second = champion
    killed = 0
    for number in range(20):
        code = run_until_killed(registry, tmp_path, wish(second), f"rename:{number % 3}")
        check_whole(tmp_path, first, second)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        if state(tmp_path) == "ACTIVATING" and killed > 12:
            break
    assert killed >= 3
    assert run_until_killed(registry, tmp_path, wish(second), "never") == 0
    assert state(tmp_path) in ("COMMITTED", "ROLLED_BACK")


@pytest.mark.fault("F03")
def test_killed_before_the_pointer_is_written_the_champion_serves_and_it_is_tried_again(registry, champion, tmp_path):
    first, second = champion
    assert run_until_killed(registry, tmp_path, wish(second), "rename@slots.json:0") == -signal.SIGKILL
    slots = read_slots(tmp_path / "home")
    assert (state(tmp_path), slots.active, slots.last_good) == ("ACTIVATING", first.bundle, first.bundle)
    device = station(registry, tmp_path)
    assert device.updater.record.state is S.READY
    assert device.hot.running == first.bundle
    assert device.work().state is S.COMMITTED
    assert read_slots(tmp_path / "home").last_good == second.bundle


@pytest.mark.fault("F03")
def test_an_activation_that_is_interrupted_three_times_is_given_up(registry, champion, tmp_path):
    first, second = champion
    device = station(registry, tmp_path)
    device.offer(second, 2)
    device.work(until=S.ACTIVATING)
    for _ in range(2):
        device.close()
        device = station(registry, tmp_path)
        device.work(until=S.ACTIVATING)
    device.close()
    device = station(registry, tmp_path)
    record = device.work()
    assert (record.state, device.hot.running) == (S.ROLLED_BACK, first.bundle)
    assert second.bundle in device.journal.banned()


@pytest.mark.fault("F05")
def test_a_rollback_that_is_cut_is_finished(registry, champion, tmp_path):
    first, second = champion
    device = station(registry, tmp_path)
    device.offer(second, 2, probation=Probation(seconds=999))
    device.work(until=S.PROBATION)
    for _ in range(3):
        device.hot.die()
    device.work(until=S.ROLLING_BACK)
    assert read_slots(device.home.root).active == second.bundle
    device.close()
    device = station(registry, tmp_path)
    assert device.updater.record.state is S.ROLLING_BACK
    assert device.work().state is S.ROLLED_BACK
    slots = read_slots(device.home.root)
    assert (slots.active, slots.last_good, device.hot.running) == (first.bundle, first.bundle, first.bundle)


@pytest.mark.fault("F04")
def test_a_station_that_dies_three_times_on_probation_gives_the_model_back(registry, champion, tmp_path):
    first, second = champion
    device = station(registry, tmp_path)
    device.offer(second, 2, probation=Probation(seconds=999))
    device.work(until=S.PROBATION)
    for _ in range(3):
        device.close()
        device = station(registry, tmp_path)
    assert device.work().state is S.ROLLED_BACK
    assert device.hot.running == first.bundle


@pytest.mark.fault("F01")
@pytest.mark.fault("A24")
def test_a_cut_download_goes_on_by_range_while_the_champion_serves(registry, champion, tmp_path):
    first, second = champion
    blob = biggest(registry, second)
    registry.cuts[blob] = [150_000, 30_000]
    device = station(registry, tmp_path)
    device.offer(second, 2)
    device.work(until=S.DOWNLOADING)
    device.updater.step()
    assert device.updater.record.state is S.DOWNLOADING
    assert "broke" in device.updater.record.reason
    assert read_slots(device.home.root).active == first.bundle
    device.close()
    device = station(registry, tmp_path)
    assert device.work().state is S.COMMITTED
    begun = [int((asked or "bytes=0-")[6:-1]) for asked in registry.asked(blob)]
    assert begun[0] == 0
    assert 130_000 < begun[1] <= 150_000
    assert begun[1] + 20_000 < begun[2] <= 180_000
    assert len(begun) == 3


@pytest.mark.fault("A24")
def test_a_server_without_range_sends_it_whole_again(registry, champion, tmp_path):
    blob = biggest(registry, champion[1])
    registry.cuts[blob], registry.ranges = [150_000], False
    device = station(registry, tmp_path)
    device.offer(champion[1], 2)
    assert device.work().state is S.COMMITTED


@pytest.mark.fault("C18")
def test_an_endless_blob_is_stopped_one_byte_behind_its_size(registry, champion, tmp_path):
    second = champion[1]
    blob = biggest(registry, second)
    registry.endless.add(blob)
    device = station(registry, tmp_path)
    device.offer(second, 2)
    assert device.work().state is S.REJECTED
    assert sum(path.stat().st_size for path in device.home.bundles.rglob("*") if path.is_file()) < 600_000


@pytest.mark.fault("F06")
def test_a_commit_made_while_the_link_is_down_is_still_told_a_week_later(registry, champion, tmp_path):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    device.offer(champion[1], 2)
    device.work()
    hand.forward(7 * 86_400)
    device.close()
    device = station(registry, tmp_path, clock=hand.clock)
    told = [entry for boot in outbox.boots(device.database, Stream.EVENT) for entry in events(device, boot)]
    commits = [
        entry
        for entry in told
        if b'"after":"COMMITTED"' in entry.payload and champion[1].bundle.encode() in entry.payload
    ]
    assert len(commits) == 1
