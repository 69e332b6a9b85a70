"""A push that is killed midway: what was served before is served still."""

import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from tests.simulators.killed_push import killed_before
from trainer.delivery.destinations import Goods, push
from trainer.delivery.places import Origin, deliver

BUNDLES = Path(__file__).resolve().parents[1] / "fixtures" / "bundles"


def _goods(version):
    folder = BundleFolder(BUNDLES / f"tiny-{version}")
    return Goods(folder, folder.open(), folder.id, Path("no model"))


@pytest.mark.fault("T20")
def test_a_push_killed_anywhere_leaves_a_whole_model_under_latest(tmp_path):
    old, new = _goods("v1"), _goods("v2")
    push("folder", old, tmp_path / "before")
    operation, seen = 0, []
    while True:
        operation += 1
        place = tmp_path / f"place-{operation}"
        shutil.copytree(tmp_path / "before", place, symlinks=True)
        killed = killed_before(operation, lambda place=place: push("folder", new, place))
        served = BundleFolder(place / "folder" / "tiny" / "latest")
        assert served.problems() == []
        assert served.id in (old.identity, new.identity)
        if not killed:
            break
        seen.append(served.id)
        if operation % 8 == 1:
            push("folder", new, place)
            assert BundleFolder(place / "folder" / "tiny" / "latest").id == new.identity
        shutil.rmtree(place)
    assert operation > 15
    assert seen == sorted(seen, key=[old.identity, new.identity].index)
    assert old.identity in seen


@pytest.mark.fault("T20")
def test_a_number_that_tensorflow_serving_sees_is_a_whole_model(tmp_path):
    def make(folder):
        (folder / "variables").mkdir()
        (folder / "saved_model.pb").write_bytes(b"graph")
        (folder / "variables" / "variables.index").write_bytes(b"index")

    operation, killed = 0, True
    while killed:
        operation += 1
        target = tmp_path / str(operation) / "tiny" / "7"
        killed = killed_before(operation, lambda target=target: deliver(target, Origin("b", 7), make))
        numbers = [path for path in target.parent.glob("*") if path.name.isdigit()]
        assert all((path / "variables" / "variables.index").read_bytes() == b"index" for path in numbers)
        deliver(target, Origin("b", 7), make)
        assert (target / "saved_model.pb").is_file()
    assert operation > 5
