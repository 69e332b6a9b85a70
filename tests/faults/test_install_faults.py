"""Fault cases of the model update: real SIGKILLs, a real TUF registry over HTTP, real models where they matter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.messages import Desired, ModelRef, Probation, Stream, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.install.arrival import unsuitable
from edge_agent.install.selftest import run_selftest
from edge_agent.install.slots import read_slots
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from tests.simulators.clock import HandClock
from tests.simulators.installing import NO_PROBATION, Installer
from tests.simulators.made_up import made_up_bundle
from tests.simulators.registry import RegistrySimulator

S = UpdateState
ROOT = Path(__file__).parents[2]
BUNDLES = ROOT / "tests/fixtures/bundles"
YEARS_10_S = 10 * 365 * 86_400


@pytest.fixture
def registry():
    with RegistrySimulator() as simulator:
        yield simulator


@pytest.fixture
def champion(registry, tmp_path):
    """A device on which release 1 is committed; returns release 1 and 2."""
    first, second = (made_up_bundle(tmp_path / "made", v, model=v.encode() * 200_000) for v in ("1", "2"))
    refs = registry.publish(first, 1), registry.publish(second, 2)
    device = station(registry, tmp_path)
    device.offer(refs[0])
    assert device.work().state is S.COMMITTED
    device.close()
    return refs


def station(registry: RegistrySimulator, tmp_path: Path, **more: object) -> Installer:
    device = Installer(tmp_path / "home", registry.url, registry.root_dict(), **more)  # type: ignore[arg-type]
    device.updater.resume()
    return device


def run_until_killed(registry: RegistrySimulator, tmp_path: Path, desired: Desired, kill: str) -> int:
    """Run the installer in a process of its own; return its exit code (-9 when the point was reached)."""
    trusted = tmp_path / "root.json"
    trusted.write_text(json.dumps(registry.root_dict()))
    call = [sys.executable, "-m", "tests.simulators.installing", str(tmp_path / "home"), registry.url, str(trusted)]
    done = subprocess.run([*call, encode(desired).decode(), kill], cwd=ROOT, timeout=60, check=False)
    return done.returncode


def check_whole(tmp_path: Path, first: ModelRef, second: ModelRef) -> None:
    """The pointer names whole bundles, a model serves, and nothing unproven is the last good one."""
    slots = read_slots(tmp_path / "home")
    assert slots.active in (first.bundle, second.bundle)
    for bundle in slots.kept:
        folder = BundleFolder(tmp_path / "home/bundles" / bundle)
        assert folder.problems(folder.open(bundle).blobs_for("generic")) == []
    if slots.last_good == second.bundle:
        assert state(tmp_path) == "COMMITTED"
    else:
        assert slots.last_good == first.bundle


def state(tmp_path: Path) -> str:
    database = Database(tmp_path / "home/journal.db")
    row = database.row("read_installation")
    database.close()
    assert row is not None
    return str(row[0])


def wish(ref: ModelRef, generation: int = 2, **more: object) -> Desired:
    return Desired(generation=generation, at_ms=0, model=ref, **{"probation": NO_PROBATION, **more})  # type: ignore[arg-type]


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


@pytest.mark.fault("A24")
@pytest.mark.fault("C15")
def test_a_flipped_bit_in_a_blob_is_rejected_and_reported_while_the_old_slot_serves(registry, champion, tmp_path):
    first, second = champion
    blob = biggest(registry, second)
    registry.corrupt.add(blob)
    device = station(registry, tmp_path)
    device.offer(second, 2)
    record = device.work()
    assert (record.state, device.hot.running) == (S.REJECTED, first.bundle)
    assert "other bytes than the signed" in record.reason
    assert len(registry.asked(blob)) == 3
    assert not (device.home.bundles / second.bundle).exists()
    assert any(b"REJECTED" in entry.payload for entry in events(device))


@pytest.mark.fault("C18")
def test_an_endless_blob_is_stopped_one_byte_behind_its_size(registry, champion, tmp_path):
    second = champion[1]
    blob = biggest(registry, second)
    registry.endless.add(blob)
    device = station(registry, tmp_path)
    device.offer(second, 2)
    assert device.work().state is S.REJECTED
    assert sum(path.stat().st_size for path in device.home.bundles.rglob("*") if path.is_file()) < 600_000


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


@pytest.mark.fault("A24")
@pytest.mark.fault("C20")
def test_a_model_that_answers_otherwise_than_where_it_was_made_is_refused_with_the_difference(registry, tmp_path):
    good = BundleFolder(BUNDLES / "tiny-v1")
    bad = with_other_resize(good, tmp_path / "bad")
    device = station(registry, tmp_path, selftest=run_selftest)
    device.offer(registry.publish(good, 1), 1)
    assert device.work().state is S.COMMITTED
    device.offer(registry.publish(bad, 2), 2)
    record = device.work()
    assert (record.state, device.hot.running) == (S.REJECTED, good.id)
    assert "differ by more than" in record.reason
    assert " by 0." in record.reason


@pytest.mark.fault("C14")
@pytest.mark.fault("A24")
def test_a_model_that_crashes_its_runtime_takes_only_the_child_with_it(tmp_path, monkeypatch):
    crash = tmp_path / "crash"
    (crash / "edge_agent").mkdir(parents=True)
    (crash / "sitecustomize.py").write_text("import os, sys\nif 'selftest' in ' '.join(sys.orig_argv): os.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(crash))
    result = run_selftest(BundleFolder(BUNDLES / "tiny-v1"), "generic")
    assert not result.ok
    assert result.reason == "the model crashed the runtime (signal 6)"


def test_a_self_test_that_hangs_is_ended(monkeypatch, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif 'selftest' in ' '.join(sys.orig_argv): time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run_selftest(BundleFolder(BUNDLES / "tiny-v1"), "generic", timeout_s=1.0)
    assert (result.ok, result.reason) == (False, "the self-test did not end within 1 s")


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


@pytest.mark.fault("F20")
def test_a_variant_that_this_device_cannot_run_is_refused_before_anything_is_downloaded(registry, champion, tmp_path):
    ref = registry.publish(made_up_bundle(tmp_path / "onnx", "3", formats=("onnx",)), 3)
    device = station(registry, tmp_path)
    registry.requests.clear()
    device.offer(ref, 2)
    record = device.work()
    assert record.state is S.REJECTED
    assert record.reason.startswith("hardware:")
    assert not [path for path, _ in registry.requests if path.startswith("blobs/")]


@pytest.mark.fault("F21")
def test_a_short_disk_fails_the_update_and_costs_no_champion(registry, champion, tmp_path):
    first, second = champion
    device = station(registry, tmp_path, free=1000)
    device.offer(second, 2)
    record = device.work()
    assert (record.state, record.reason[:6]) == (S.FAILED, "space:")
    check_whole(tmp_path, first, second)
    assert [path.name for path in device.home.bundles.iterdir()] == [first.bundle]


@pytest.mark.fault("F21")
def test_a_disk_that_is_full_while_writing_fails_the_update_and_costs_no_champion(registry, champion, tmp_path):
    """A real limit on file sizes: every write beyond it fails as on a full quota."""
    first, second = champion
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from tests.simulators import installing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "installing.main(sys.argv[1:])\n"
    )
    trusted = tmp_path / "root.json"
    trusted.write_text(json.dumps(registry.root_dict()))
    arguments = [str(tmp_path / "home"), registry.url, str(trusted), encode(wish(second)).decode(), "never"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
    assert state(tmp_path) == "FAILED"
    check_whole(tmp_path, first, second)


@pytest.mark.fault("F22")
def test_bits_that_flip_after_writing_are_found_refetched_and_three_times_are_enough(registry, champion, tmp_path):
    second = champion[1]
    device = station(registry, tmp_path)
    device.offer(second, 2)
    blob = biggest(registry, second)
    for _ in range(3):
        device.work(until=S.STAGED)
        path = device.home.bundles / second.bundle / blob
        path.write_bytes(b"x" + path.read_bytes()[1:])
        device.updater.step()
        assert device.updater.record.state is S.DOWNLOADING
    record = device.work()
    assert record.state is S.FAILED
    assert record.reason.startswith("media:")
    assert len(registry.asked(blob)) == 3
    assert device.hot.running == champion[0].bundle


@pytest.mark.fault("F22")
def test_bits_that_flip_once_cost_one_more_fetch_of_that_blob_alone(registry, champion, tmp_path):
    second = champion[1]
    device = station(registry, tmp_path)
    device.offer(second, 2)
    device.work(until=S.STAGED)
    path = device.home.bundles / second.bundle / biggest(registry, second)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert device.work().state is S.COMMITTED
    fetched = [asked for asked, _ in registry.requests if asked.startswith("blobs/")]
    assert fetched.count(biggest(registry, second)) == 2


def biggest(registry: RegistrySimulator, ref: ModelRef) -> str:
    """Return the path of the model's blob."""
    manifest = json.loads(registry.files[f"targets/{ref.name}/{ref.release}/{ref.bundle}.manifest.json"])
    return f"blobs/sha256/{manifest['variants'][0]['blob']['digest']}"


def events(device: Installer, boot: object = None) -> list[outbox.Entry]:
    return outbox.page(device.database, boot or device.boot, Stream.EVENT, 0, 1000)  # type: ignore[arg-type]


def with_other_resize(bundle: BundleFolder, folder: Path) -> BundleFolder:
    """Return the bundle with golden answers that another preprocessing would give: the defect class comes first."""
    content = json.loads(bundle.manifest_bytes())
    content["version"] = "swapped"
    for case in content["golden"]["cases"]:
        case["expected"] = {
            variant: [shares[1], shares[0], *shares[2:]] for variant, shares in case["expected"].items()
        }
    (folder / "blobs/sha256").mkdir(parents=True)
    for path in (bundle.folder / "blobs/sha256").iterdir():
        os.link(path, folder / "blobs/sha256" / path.name)
    (folder / "manifest.json").write_bytes(canonical_json(content))
    return BundleFolder(folder)


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


@pytest.mark.fault("F20")
def test_a_variant_for_a_runtime_that_is_not_here_is_unsuitable():
    manifest = BundleFolder(BUNDLES / "tiny-v1").open()
    wants = manifest.variant_for("generic").min_runtime
    assert wants.startswith("tflite-runtime-")
    assert unsuitable(manifest, "generic", {"ai-edge-litert": "2.3.0"}) is None
    assert unsuitable(manifest, "generic", {"tflite-runtime": "2.14.0"}) is None
    assert "this device has tflite-runtime 2.5.0" in str(unsuitable(manifest, "generic", {"tflite-runtime": "2.5.0"}))
    assert "has none" in str(unsuitable(manifest, "generic", {}))


def alarms(device: Installer) -> list[tuple[str, bool]]:
    """Return the faults told to the fleet, in order."""
    facts = [json.loads(entry.payload) for entry in events(device)]
    return [(fact["code"], fact["active"]) for fact in facts if fact["kind"] == "fault"]
