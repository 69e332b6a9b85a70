"""The way back to a model that has served here: hashes and signature again, but no second self-test."""

from __future__ import annotations

import pytest

from edge_agent.contracts.states import UpdateState
from edge_agent.install.proofs import Proofs, software
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import read_slots
from edge_agent.journal.database import Database
from tests.simulators.installing import Installer
from tests.simulators.made_up import made_up_bundle

S = UpdateState


class GoldenTests:
    """A self-test that keeps in mind what it was asked about."""

    def __init__(self):
        self.asked = []
        self.passes = True

    def __call__(self, bundle, device_class):
        self.asked.append(bundle.folder.name)
        return SelfTestResult(self.passes, "" if self.passes else "golden test: 1 of 1 pictures differ", "made-up 1")


@pytest.fixture
def tests():
    return GoldenTests()


@pytest.fixture
def bundles(tmp_path):
    return [made_up_bundle(tmp_path / "made", version, model=version.encode()) for version in ("1", "2")]


@pytest.fixture
def device(registry, tests, tmp_path):
    return start(registry, tests, tmp_path)


def start(registry, tests, tmp_path, **more):
    made = Installer(tmp_path / "home", registry.url, registry.root_dict(), selftest=tests, **more)
    made.updater.resume()
    return made


def bring(device, registry, bundle, release):
    device.offer(registry.publish(bundle, release), release)
    return device.work()


def test_what_has_served_here_is_tested_once(registry, device, bundles, tests):
    first, second = bundles
    bring(device, registry, first, 1)
    bring(device, registry, second, 2)
    device.states.clear()
    assert bring(device, registry, first, 3).state is S.COMMITTED
    assert tests.asked == [first.id, second.id]
    assert S.STAGED in device.states
    log = [(after, reason) for _, _, after, reason, _ in device.database.rows("installation_log")]
    assert ("READY", "passed its self-test here before") in log
    assert read_slots(device.home.root).active == first.id
    assert device.journal.floor("plate") == 3


def test_bytes_that_were_damaged_meanwhile_are_fetched_again(registry, device, bundles, tests):
    first, second = bundles
    bring(device, registry, first, 1)
    bring(device, registry, second, 2)
    variant = first.open().variants[0].blob
    path = device.home.bundle(first.id) / variant.path
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    registry.requests.clear()
    assert bring(device, registry, first, 3).state is S.COMMITTED
    assert registry.asked(variant.path)
    assert device.home.bundle(first.id).joinpath(variant.path).read_bytes() == first.read(variant)


def test_other_software_makes_every_test_new(registry, device, bundles, tests, tmp_path):
    first, second = bundles
    bring(device, registry, first, 1)
    bring(device, registry, second, 2)
    device.close()
    tests.passes = False
    again = start(registry, tests, tmp_path, software="made-up 2")
    assert bring(again, registry, first, 3).state is S.REJECTED
    assert tests.asked == [first.id, second.id, first.id]
    again.close()


def test_what_never_passed_is_no_proof(registry, device, bundles, tests):
    tests.passes = False
    for release in (1, 2):
        assert bring(device, registry, bundles[0], release).state is S.REJECTED
    assert len(tests.asked) == 2


def test_what_is_no_longer_installed_is_forgotten(tmp_path):
    database = Database(tmp_path / "journal.db")
    there = {"a", "b"}
    proofs = Proofs(database, "x 1", there.__contains__)
    proofs.add("a")
    there.discard("a")
    proofs.add("b")
    assert (proofs.holds("a"), proofs.holds("b")) == (False, True)
    assert not Proofs(database, "x 2", there.__contains__).holds("b")
    database.close()


def test_the_software_is_named_with_its_versions():
    found = software("pi4", 2)
    assert found.startswith("class pi4, threads 2, ")
    assert ", numpy " in found
