"""A bundle from a stick: the same signatures and the same floor as over the network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_agent.contracts.archive import pack_archive
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.home import Home
from edge_agent.install.offline import install_from_stick
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import Slots, read_slots
from edge_agent.processes import lock_station
from tests.simulators.installing import passes
from tests.simulators.made_up import made_up_bundle
from tests.simulators.registry import RegistrySimulator
from tests.simulators.uplinked import enrol


class StickWriter:
    """Publishes bundles and copies archive and metadata to a stick."""

    def __init__(self, registry: RegistrySimulator, folder: Path) -> None:
        self.registry, self.folder, self.release = registry, folder, 0
        (folder / "metadata").mkdir(parents=True)

    def write(self, bundle: BundleFolder, name: str = "model.lineside", signed: bool = True) -> Path:
        if signed:
            self.release += 1
            self.registry.publish(bundle, self.release)
        for path, data in self.registry.files.items():
            if path.startswith("metadata/"):
                (self.folder / path).write_bytes(data)
        pack_archive(bundle, self.folder / name)
        return self.folder / name


@pytest.fixture
def writer(tmp_path):
    with RegistrySimulator() as registry:
        yield StickWriter(registry, tmp_path / "stick")


@pytest.fixture
def home(writer, tmp_path):
    enrol(tmp_path / "home", "mqtt://127.0.0.1:1", writer.registry)
    return Home(tmp_path / "home")


def test_a_signed_bundle_is_taken_into_use_and_the_next_one_too(writer, home, tmp_path):
    first, second = (made_up_bundle(tmp_path / "made", version) for version in ("1", "2"))
    for release, bundle in enumerate((first, second), start=1):
        ref = install_from_stick(home, writer.write(bundle), writer.folder / "metadata", selftest=passes)
        assert (ref.release, ref.bundle) == (release, bundle.id)
    slots = read_slots(home.root)
    assert (slots.active, slots.previous, slots.last_good) == (second.id, first.id, second.id)


@pytest.mark.fault("C19")
def test_an_older_release_from_a_stick_is_refused(writer, home, tmp_path):
    first, second = (made_up_bundle(tmp_path / "made", version) for version in ("1", "2"))
    old = writer.write(first, "old.lineside")
    install_from_stick(home, writer.write(second), writer.folder / "metadata", selftest=passes)
    with pytest.raises(Rejected, match="rollback: release 1"):
        install_from_stick(home, old, writer.folder / "metadata", selftest=passes)
    assert read_slots(home.root).active == second.id


def test_what_is_not_signed_or_not_whole_leaves_nothing_behind(writer, home, tmp_path):
    unsigned = writer.write(made_up_bundle(tmp_path / "made", "9"), signed=False)
    with pytest.raises(Rejected, match="not signed in this registry"):
        install_from_stick(home, unsigned, writer.folder / "metadata", selftest=passes)
    torn = writer.write(made_up_bundle(tmp_path / "made", "1"))
    torn.write_bytes(torn.read_bytes()[:-200])
    with pytest.raises(Rejected, match="not a whole bundle archive"):
        install_from_stick(home, torn, writer.folder / "metadata", selftest=passes)
    failing = writer.write(made_up_bundle(tmp_path / "made", "2"))
    with pytest.raises(Rejected, match="3 differ"):
        install_from_stick(
            home, failing, writer.folder / "metadata", selftest=lambda b, c: SelfTestResult(False, "3 differ")
        )
    assert read_slots(home.root) == Slots()
    assert list(home.bundles.iterdir()) == []


def test_metadata_that_somebody_changed_on_the_stick_is_refused(writer, home, tmp_path):
    archive = writer.write(made_up_bundle(tmp_path / "made", "1"))
    path = writer.folder / "metadata/timestamp.json"
    content = json.loads(path.read_text())
    content["signed"]["version"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(Rejected, match="signature does not hold"):
        install_from_stick(home, archive, writer.folder / "metadata", selftest=passes)


def test_a_running_station_is_left_alone(writer, home, tmp_path):
    archive = writer.write(made_up_bundle(tmp_path / "made", "1"))
    lock = lock_station(home)
    with pytest.raises(Unavailable, match="already running"):
        install_from_stick(home, archive, writer.folder / "metadata", selftest=passes)
    os.close(lock)


def test_a_stick_without_metadata_says_so(writer, home, tmp_path):
    archive = writer.write(made_up_bundle(tmp_path / "made", "1"))
    with pytest.raises(Unavailable, match="timestamp"):
        install_from_stick(home, archive, tmp_path / "nowhere", selftest=passes)
