"""Which release a person means."""

from pathlib import Path

import pytest

from edge_agent.contracts.errors import Rejected
from fleet.registry.catalogue import Catalogue
from fleet.registry.repository import Repository
from fleet.store.database import Database
from fleet.store.tables import Model


def row(release: int, version: str, revert: bool = False, blessed: bool = True, name: str = "tile") -> Model:
    return Model(
        name=name,
        release=release,
        version=version,
        bundle=version[0] * 64,
        manifest={},
        blessed=blessed,
        revert=revert,
        published_ms=release,
    )


@pytest.fixture
def catalogue(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/fleet.db")
    database.migrate()
    with database.begin() as session:
        session.add_all([row(1, "a"), row(2, "b"), row(3, "a", revert=True), row(4, "c", blessed=False)])
    yield Catalogue(database, Repository(tmp_path, tmp_path), lambda: 0)
    database.close()


def test_without_a_version_the_latest_blessed_one_is_meant_and_no_way_back(catalogue):
    assert catalogue.find(None).release == 2
    assert catalogue.find("tile").version == "b"


def test_an_earlier_version_means_its_highest_release_which_devices_accept(catalogue):
    assert catalogue.find("tile@a").release == 3
    assert catalogue.find("tile@c").release == 4


@pytest.mark.parametrize("wanted", ["other", "tile@z"])
def test_what_is_not_there_is_refused_in_one_line(catalogue, wanted: str):
    with pytest.raises(Rejected, match="no "):
        catalogue.find(wanted)
