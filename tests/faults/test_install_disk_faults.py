"""Fault cases of the model update: a short or full disk, and bits that flip on it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edge_agent.contracts.messages import encode
from edge_agent.contracts.states import UpdateState
from tests.simulators.update_cases import (
    ROOT,
    biggest,
    check_whole,
    events,
    state,
    station,
    wish,
)

S = UpdateState


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
