"""Fault cases of the model update: a model that does not run here, or answers otherwise; real graphs."""

from __future__ import annotations

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.states import UpdateState
from edge_agent.home import Home
from edge_agent.install.arrival import unsuitable
from edge_agent.install.selftest import run_selftest
from edge_agent.install.slots import read_slots
from edge_agent.setup import install_by_hand, prepare
from tests.simulators.made_up import made_up_bundle
from tests.simulators.update_cases import (
    BUNDLES,
    station,
    with_other_resize,
)

S = UpdateState


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


@pytest.mark.fault("C20")
def test_a_model_installed_by_hand_must_answer_as_it_did_where_it_was_made(tmp_path):
    good = BundleFolder(BUNDLES / "tiny-v1")
    bad = with_other_resize(good, tmp_path / "bad")
    home = Home(tmp_path / "station")
    prepare(home, "synthetic://")
    assert install_by_hand(home, good.folder, "generic") == good.id
    with pytest.raises(Rejected, match=r"fails its self-test .*differ by more than"):
        install_by_hand(home, bad.folder, "generic")
    assert read_slots(home.root).active == good.id


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


@pytest.mark.fault("F20")
def test_a_variant_for_a_runtime_that_is_not_here_is_unsuitable():
    manifest = BundleFolder(BUNDLES / "tiny-v1").open()
    wants = manifest.variant_for("generic").min_runtime
    assert wants.startswith("tflite-runtime-")
    assert unsuitable(manifest, "generic", {"ai-edge-litert": "2.3.0"}) is None
    assert unsuitable(manifest, "generic", {"tflite-runtime": "2.14.0"}) is None
    assert "this device has tflite-runtime 2.5.0" in str(unsuitable(manifest, "generic", {"tflite-runtime": "2.5.0"}))
    assert "has none" in str(unsuitable(manifest, "generic", {}))
