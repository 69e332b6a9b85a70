"""The registry against the real client of The Update Framework that devices use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadHTTPError, ExpiredMetadataError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from edge_agent.contracts.bundle import Blob, BundleFolder
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError, Rejected
from fleet.registry import documents
from fleet.registry.documents import Targets
from fleet.registry.publish import Publisher, found_registry
from fleet.registry.repository import Repository
from tests.simulators.bundles import make_bundle

NOW = datetime.now(timezone.utc)


class Disk(FetcherInterface):
    """Serves the repository's folder as the HTTP server does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self.folder / url.removeprefix("disk://")
        if not path.is_file():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()


class Local:
    """The publisher's server port straight on a repository; keeps the list of releases as the server's table does."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.rows: list[dict[str, Any]] = []
        self.uploads = 0

    def targets(self) -> bytes:
        return self.repository.targets_bytes()

    def models(self) -> list[dict[str, Any]]:
        return self.rows

    def missing(self, digests: list[str]) -> list[str]:
        return self.repository.missing(digests)

    def put_blob(self, blob: Blob, path: Path) -> None:
        self.uploads += 1
        self.repository.put_blob(blob.digest, [path.read_bytes()])

    def put_release(self, targets: bytes, manifest: bytes, release: int, blessed: bool) -> None:
        for ref, opened in self.repository.accept(targets, {digest_bytes(manifest): manifest}, NOW):
            revert = ref.release != release
            self.rows.append({"name": opened.name, "release": ref.release, "revert": revert, "used": False})


class Setup:
    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys"
        self.root, targets = found_registry(self.keys, NOW)
        self.repository = Repository(folder / "registry", self.keys)
        self.repository.create(self.root, targets, NOW)
        self.server = Local(self.repository)
        self.publisher = Publisher(self.server, [self.keys], lambda: NOW)
        self.folder = folder

    def bundle(self, version: str, **more: Any) -> BundleFolder:
        return make_bundle(self.folder / f"bundle-{version}", version, **more)

    def device(self, name: str = "device") -> Updater:
        trusted, downloads = self.folder / name / "tuf", self.folder / name / "targets"
        trusted.mkdir(parents=True, exist_ok=True)
        downloads.mkdir(parents=True, exist_ok=True)
        return Updater(
            str(trusted),
            "disk://metadata/",
            str(downloads),
            "disk://targets/",
            Disk(self.repository.folder),
            bootstrap=self.root,
        )


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_a_device_gets_exactly_the_manifest_that_was_published(setup):
    bundle = setup.bundle("v1")
    published = setup.publisher.publish(bundle)
    assert (published.ref.release, published.uploaded, published.already) == (1, 2, False)
    updater = setup.device()
    updater.refresh()
    info = updater.get_targetinfo("tiles/1/manifest.json")
    assert info is not None
    assert info.custom == {"name": "tiles", "version": "v1", "release": 1, "bundle": bundle.id}
    assert Path(updater.download_target(info)).read_bytes() == bundle.manifest_bytes()


def test_publishing_again_changes_nothing(setup):
    first = setup.publisher.publish(setup.bundle("v1"))
    before = setup.repository.targets_bytes()
    again = setup.publisher.publish(setup.bundle("v1"))
    assert (again.ref, again.already, again.uploaded) == (first.ref, True, 0)
    assert setup.repository.targets_bytes() == before


def test_each_release_brings_signed_ways_back_to_the_bundles_before_it(setup):
    one, two = setup.bundle("v1"), setup.bundle("v2")
    setup.publisher.publish(one)
    second = setup.publisher.publish(two)
    assert (second.ref.release, second.reverts, second.uploaded) == (2, 1, 1)
    listed = documents.releases(setup.repository.targets())
    assert [(ref.release, ref.bundle) for ref in listed] == [(1, one.id), (2, two.id), (3, one.id)]
    third = setup.publisher.publish(setup.bundle("v3"))
    assert (third.ref.release, third.reverts) == (4, 2)
    assert [ref.bundle for ref in documents.releases(setup.repository.targets())][-2:] == [one.id, two.id]


def test_after_a_way_back_was_taken_the_same_bundle_gets_a_higher_release(setup):
    setup.publisher.publish(setup.bundle("v1"))
    assert setup.publisher.publish(setup.bundle("v2")).ref.release == 2
    setup.server.rows[-1]["used"] = True
    again = setup.publisher.publish(setup.bundle("v2"))
    assert (again.ref.release, again.already) == (4, False)


def test_the_packers_release_is_a_lower_bound(setup):
    assert setup.publisher.publish(setup.bundle("v1", release=7)).ref.release == 7
    assert setup.publisher.publish(setup.bundle("v2", release=3)).ref.release == 8


def test_a_tampered_bundle_is_refused(setup):
    bundle = setup.bundle("v1")
    blob = next(bundle.open().blobs())
    bundle.path(blob).write_bytes(b"x" * blob.size)
    with pytest.raises(Rejected, match="hashes to"):
        setup.publisher.publish(bundle)
    assert setup.server.rows == []


def test_a_version_cannot_be_two_bundles(setup):
    setup.publisher.publish(setup.bundle("v1"))
    other = make_bundle(setup.folder / "other", "v1", release=2)
    with pytest.raises(Rejected, match="another version"):
        setup.publisher.publish(other)


def test_one_targets_key_alone_publishes_nothing(setup, tmp_path):
    (setup.keys / "targets-2.pem").rename(tmp_path / "targets-2.pem")
    with pytest.raises(ConfigError, match="2 must sign"):
        setup.publisher.publish(setup.bundle("v1"))
    Publisher(setup.server, [setup.keys, tmp_path], lambda: NOW).publish(setup.bundle("v1"))


def test_targets_signed_by_a_stranger_are_refused_and_nothing_changes(setup, tmp_path):
    found_registry(tmp_path / "stranger", NOW)
    signers = documents_signers(tmp_path / "stranger")
    forged = documents.sign(Targets(version=2, expires=documents.expiry("targets", NOW)), signers)
    with pytest.raises(Rejected, match="signatures do not hold"):
        setup.repository.accept(forged, {}, NOW)
    assert setup.repository.targets().version == 1


def documents_signers(keys: Path) -> list[Any]:
    from fleet.registry.keys import TARGETS, load_signers

    return load_signers([keys], TARGETS, 2)


def test_a_release_without_its_blobs_is_refused(setup):
    bundle = setup.bundle("v1")
    setup.server.missing = lambda digests: []
    with pytest.raises(Rejected, match="blobs are missing"):
        setup.publisher.publish(bundle)


def test_a_server_that_was_set_back_is_noticed_by_the_publisher(setup):
    old = setup.repository.targets_bytes()
    setup.publisher.publish(setup.bundle("v1"))
    setup.server.targets = lambda: old
    with pytest.raises(Rejected, match="set back"):
        setup.publisher.publish(setup.bundle("v2"))


def test_a_blob_that_is_not_its_hash_leaves_nothing(setup):
    with pytest.raises(Rejected, match="send it again"):
        setup.repository.put_blob("0" * 64, [b"something"])
    assert list(setup.repository.blobs.iterdir()) == []


def test_the_server_keeps_the_timestamp_fresh(setup):
    assert not setup.repository.refresh(NOW)
    assert setup.repository.refresh(NOW + timedelta(hours=13))
    assert setup.repository.timestamp().version == 2
    assert setup.repository.refresh(NOW + timedelta(days=4))
    assert (setup.repository.snapshot().version, setup.repository.timestamp().version) == (2, 3)
    setup.device().refresh()


def test_a_device_notices_that_nobody_refreshes(tmp_path):
    setup = Setup(tmp_path)
    long_ago = NOW - timedelta(days=3)
    setup.repository._sign_timestamp(2, 1, long_ago)
    with pytest.raises(ExpiredMetadataError):
        setup.device().refresh()


def test_keys_are_private(setup):
    assert {path.stat().st_mode & 0o777 for path in setup.keys.glob("*.pem")} == {0o600}
