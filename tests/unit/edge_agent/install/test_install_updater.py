"""The updater against a real TUF registry over HTTP, with real files and a real journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.messages import Probation, Strategy
from edge_agent.contracts.states import UpdateState
from edge_agent.install import activation
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import read_slots
from tests.simulators.clock import HandClock
from tests.simulators.installing import Installer
from tests.simulators.made_up import made_up_bundle
from tests.simulators.registry import RegistrySimulator

S = UpdateState
HAPPY = [
    S.OFFERED,
    S.VERIFIED,
    S.DOWNLOADING,
    S.STAGED,
    S.SELFTEST,
    S.READY,
    S.ACTIVATING,
    S.PROBATION,
    S.COMMITTED,
]


@pytest.fixture
def releases(registry, tmp_path):
    """Two releases of one model."""
    first, second = (made_up_bundle(tmp_path / "made", version, model=version.encode()) for version in ("1", "2"))
    return registry.publish(first, 1), registry.publish(second, 2)


def station(registry: RegistrySimulator, tmp_path: Path, **more: object) -> Installer:
    return Installer(tmp_path / "home", registry.url, registry.root_dict(), **more)  # type: ignore[arg-type]


def installed(installer: Installer) -> set[str]:
    return {path.name for path in installer.home.bundles.iterdir()}


def test_a_first_and_a_second_model_arrive(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first)
    assert device.work().state is S.COMMITTED
    assert device.states == HAPPY
    device.offer(second, 2)
    assert device.work().state is S.COMMITTED
    slots = read_slots(device.home.root)
    assert (slots.active, slots.previous, slots.last_good) == (second.bundle, first.bundle, second.bundle)
    assert slots.releases == {first.bundle: 1, second.bundle: 2}
    assert installed(device) == {first.bundle, second.bundle}
    assert device.hot.running == second.bundle
    assert device.journal.floor("plate") == 2


def test_every_move_is_an_event_for_the_fleet(registry, releases, tmp_path):
    device = station(registry, tmp_path)
    device.offer(releases[0], rollout="r1")
    device.work()
    log = [(before, after) for _, before, after, _, _ in device.database.rows("installation_log")]
    assert [after for _, after in log] == [state.value for state in HAPPY]
    events = device.database.rows("outbox_page", boot=str(device.boot), stream="event", after=0, limit=99)
    assert len(events) == len(HAPPY)
    assert b'"rollout":"r1"' in events[-1][2]


def test_a_device_downloads_only_what_its_class_needs(registry, tmp_path):
    bundle = made_up_bundle(tmp_path / "made", formats=("tflite", "onnx", "tflite"))
    device = station(registry, tmp_path)
    device.offer(registry.publish(bundle, 1))
    device.work()
    names = {path.name for path in (device.home.bundles / bundle.id / "blobs/sha256").iterdir()}
    assert names == {blob.digest for blob in bundle.open().blobs_for("generic")}
    assert len(names) == 2


def test_the_bundle_that_already_runs_is_committed_at_once(registry, releases, tmp_path):
    device = station(registry, tmp_path)
    device.offer(releases[0])
    device.work()
    device.states.clear()
    device.offer(releases[0].model_copy(update={"release": 3}), 2)
    assert device.work().reason == "already running"
    assert device.states == [S.OFFERED, S.COMMITTED]
    assert device.journal.floor("plate") == 1


def test_a_newer_release_supersedes_a_download_and_an_older_one_does_not(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 5)
    device.work(until=S.DOWNLOADING)
    device.offer(second, 4)
    device.offer(second, 6)
    assert device.work().state is S.COMMITTED
    assert device.hot.running == second.bundle
    assert S.SUPERSEDED in device.states


def test_desiring_no_model_cancels(registry, releases, tmp_path):
    device = station(registry, tmp_path)
    device.offer(releases[0], 1)
    device.work(until=S.STAGED)
    device.offer(None, 2)
    record = device.work()
    assert (record.state, record.generation) == (S.CANCELLED, 2)
    assert installed(device) == set()


@pytest.mark.fault("F10")
def test_generation_seven_after_eight_is_ignored_after_a_restart_too(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 8)
    device.work()
    device.close()
    again = station(registry, tmp_path)
    again.updater.resume()
    again.offer(second, 7)
    record = again.work()
    assert (record.state, record.generation, again.hot.running) == (S.COMMITTED, 8, first.bundle)


def test_an_abort_during_probation_brings_the_champion_back_and_is_committed(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 1)
    device.work()
    device.offer(second, 2, probation=Probation(seconds=999))
    device.work(until=S.PROBATION)
    device.states.clear()
    back = registry.publish(made_up_bundle(tmp_path / "again", "1", model=b"1"), 3)
    assert back.bundle == first.bundle
    device.offer(back, 3)
    record = device.work()
    assert device.states == [S.ROLLING_BACK, S.ROLLED_BACK, S.OFFERED, S.COMMITTED]
    assert (record.generation, device.hot.running) == (3, first.bundle)
    assert device.journal.banned() == frozenset()
    device.offer(second.model_copy(update={"release": 4}), 4)
    assert "is not signed" in device.work().reason


def test_after_a_commit_the_older_bundle_comes_back_by_a_newer_release(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    for generation, release in enumerate((first, second), start=1):
        device.offer(release, generation)
        device.work()
    registry.requests.clear()
    back = registry.publish(made_up_bundle(tmp_path / "again", "1", model=b"1"), 3)
    device.offer(back, 3)
    assert device.work().state is S.COMMITTED
    assert device.hot.running == first.bundle
    assert not [path for path, _ in registry.requests if path.startswith("blobs/")]


@pytest.mark.fault("C19")
def test_a_validly_signed_lower_release_is_refused_after_a_reboot_too(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(second, 1)
    device.work()
    device.close()
    again = station(registry, tmp_path)
    again.updater.resume()
    again.offer(first, 2)
    record = again.work()
    assert record.state is S.REJECTED
    assert "rollback: release 1" in record.reason
    assert again.hot.running == second.bundle


@pytest.mark.fault("F04")
def test_three_crashes_on_probation_bring_the_champion_back_and_ban_the_bundle(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 1)
    device.work()
    device.offer(second, 2, probation=Probation(seconds=999))
    device.work(until=S.PROBATION)
    for _ in range(3):
        assert device.updater.record.state is S.PROBATION
        device.hot.die()
        device.updater.step()
    assert device.work().state is S.ROLLED_BACK
    slots = read_slots(device.home.root)
    assert (slots.active, slots.last_good, device.hot.running) == (first.bundle, first.bundle, first.bundle)
    device.offer(second, 3)
    record = device.work()
    assert record.state is S.REJECTED
    assert "failed on this device before" in record.reason


def test_model_errors_on_probation_bring_the_champion_back(registry, releases, tmp_path):
    from edge_agent.contracts.verdict import Reason

    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 1)
    device.work()
    device.judge(first.bundle, 5, Reason.MODEL_ERROR)
    device.offer(second, 2, probation=Probation(seconds=0, parts=10, errors_max=1))
    device.work(until=S.PROBATION)
    device.judge(second.bundle, 2, Reason.MODEL_ERROR)
    record = device.work()
    assert (record.state, device.hot.running) == (S.ROLLED_BACK, first.bundle)
    assert "2 model errors" in record.reason


def test_probation_ends_with_enough_parts_of_the_new_model(registry, releases, tmp_path):
    device = station(registry, tmp_path)
    device.offer(releases[0], 1, probation=Probation(seconds=0, parts=3))
    device.work(until=S.PROBATION)
    device.judge("f" * 64, 9)
    device.updater.step()
    assert device.updater.record.state is S.PROBATION
    device.judge(releases[0].bundle, 3)
    assert device.work().state is S.COMMITTED


def test_a_model_that_the_hot_process_cannot_load_is_given_back(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, 1)
    device.work()
    device.hot.refuse[second.bundle] = "no such op"
    device.offer(second, 2)
    record = device.work()
    assert (record.state, device.hot.running) == (S.ROLLED_BACK, first.bundle)
    assert "no such op" in record.reason
    assert second.bundle in device.journal.banned()


def test_a_hot_process_that_says_nothing_is_asked_again_and_then_given_up(registry, releases, tmp_path):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    device.hot.silent = True
    device.offer(releases[0], 1)
    device.work(until=S.ACTIVATING)
    for _ in range(8):
        device.updater.step()
        hand.forward(activation.REPEAT_S)
    assert device.hot.asked.count(("activate", releases[0].bundle)) > 2
    record = device.work()
    assert record.state is S.ROLLED_BACK
    assert "did not answer" in record.reason


def test_a_committed_model_that_keeps_dying_gives_way_to_the_one_before(registry, releases, tmp_path):
    device = station(registry, tmp_path)
    for generation, release in enumerate(releases, start=1):
        device.offer(release, generation)
        device.work()
    for _ in range(3):
        device.hot.die()
    device.work(until=S.ROLLED_BACK)
    slots = read_slots(device.home.root)
    assert (slots.active, slots.last_good) == (releases[0].bundle, releases[0].bundle)


def test_a_failed_self_test_is_rejected_before_anything_is_activated(registry, releases, tmp_path):
    device = station(registry, tmp_path, selftest=lambda bundle, kind: SelfTestResult(False, "golden test: 3 differ"))
    device.offer(releases[0])
    record = device.work()
    assert (record.state, record.reason) == (S.REJECTED, "golden test: 3 differ")
    assert device.hot.asked == []
    assert read_slots(device.home.root).active is None


def test_a_challenger_judges_beside_the_champion_until_it_is_wanted_in_use(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first, strategy=Strategy.SHADOW)
    assert "judge beside" in device.work().reason
    device.offer(first, 2)
    device.work()
    device.offer(second, 3, strategy=Strategy.SHADOW)
    device.work(until=S.SHADOW)
    device.updater.step()
    assert (device.hot.beside, device.hot.running) == (second.bundle, first.bundle)
    assert read_slots(device.home.root).active == first.bundle

    device.states.clear()
    device.offer(second, 4)
    assert device.work().state is S.COMMITTED
    assert device.states == [S.SHADOW, S.READY, S.ACTIVATING, S.PROBATION, S.COMMITTED]
    assert (device.hot.beside, device.hot.running) == (None, second.bundle)


def test_a_challenger_that_nobody_wants_any_more_is_dismissed(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first)
    device.work()
    device.offer(second, 2, strategy=Strategy.SHADOW)
    device.work(until=S.SHADOW)
    device.updater.step()
    device.offer(None, 3)
    device.work()
    assert (device.updater.record.state, device.hot.beside, device.hot.running) == (S.CANCELLED, None, first.bundle)
    device.hot.refuse[second.bundle] = "the graph is broken"
    device.offer(second, 4, strategy=Strategy.SHADOW)
    assert "the graph is broken" in device.work().reason
    assert (device.updater.record.state, device.hot.running) == (S.REJECTED, first.bundle)


def test_a_station_goes_on_with_its_challenger_after_a_restart(registry, releases, tmp_path):
    first, second = releases
    device = station(registry, tmp_path)
    device.offer(first)
    device.work()
    device.offer(second, 2, strategy=Strategy.SHADOW)
    device.work(until=S.SHADOW)
    device.close()
    again = station(registry, tmp_path)
    again.updater.resume()
    again.updater.step()
    assert (again.updater.record.state, again.hot.beside) == (S.SHADOW, second.bundle)
    for _ in range(3):
        again.hot.die()
        again.updater.step()
    record = again.work()
    assert (record.state, record.reason) == (S.REJECTED, "3 crashes while judging beside the champion")
    assert again.hot.running == first.bundle


def test_a_registry_that_is_away_is_asked_again_until_the_deadline(registry, releases, tmp_path):
    hand = HandClock()
    device = station(registry, tmp_path, clock=hand.clock)
    registry.down = True
    device.offer(releases[0], deadline_ms=int(hand.wall * 1000) + 60_000)
    for _ in range(3):
        device.updater.step()
    assert device.updater.record.state is S.OFFERED
    assert "HTTP 503" in device.updater.record.reason
    hand.forward(61)
    record = device.work()
    assert record.state is S.FAILED
    assert "deadline passed while OFFERED" in record.reason


def test_blobs_of_a_sibling_are_linked_instead_of_fetched(registry, releases, tmp_path):
    one = station(registry, tmp_path)
    one.offer(releases[0])
    one.work()
    registry.requests.clear()
    two = Installer(tmp_path / "two", registry.url, registry.root_dict(), siblings=(one.home.bundles,))
    two.offer(releases[0])
    assert two.work().state is S.COMMITTED
    assert not [path for path, _ in registry.requests if path.startswith("blobs/")]
