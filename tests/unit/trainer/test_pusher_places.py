import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.strict import parse
from trainer.components.pusher import copy_whole, pusher
from trainer.delivery import history
from trainer.delivery.destinations import Goods, _unpack, all_there, push
from trainer.delivery.places import Origin, deliver, holds, latest_release, name_latest
from trainer.delivery.pushed import names_taken, note_origin, still_pushed
from trainer.pipeline.settings import PusherSettings
from trainer.pipeline.step import Artifact, Context

BUNDLES = Path(__file__).resolve().parents[2] / "fixtures" / "bundles"


def goods(version):
    folder = BundleFolder(BUNDLES / f"tiny-{version}")
    return Goods(folder, folder.open(), folder.id, Path("no model"))


def write(text):
    return lambda folder: (folder / "file").write_text(text)


def test_a_version_is_placed_once(tmp_path):
    target = tmp_path / "v1"
    assert deliver(target, Origin("a", 1), write("one")) == "placed"
    assert deliver(target, Origin("a", 1), write("other")) == "was there"
    assert (target / "file").read_text() == "one"
    with pytest.raises(Rejected, match="holds another model; give a new --version"):
        deliver(target, Origin("b", 2), write("two"))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("o")])
def test_what_was_removed_or_cut_is_noticed_and_placed_again(tmp_path, damage):
    target = tmp_path / "v1"
    deliver(target, Origin("a", 1), write("one"))
    damage(target / "file")
    assert not holds(target, "a")
    assert deliver(target, Origin("a", 1), write("one")) == "placed"
    assert holds(target, "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".v1.json", "v1"]


def test_a_folder_that_nobody_here_made_is_left_alone(tmp_path):
    (tmp_path / "v1").mkdir()
    with pytest.raises(Rejected, match="move it away"):
        deliver(tmp_path / "v1", Origin("a", 1), write("one"))


def test_latest_goes_forward_only(tmp_path):
    for release in (1, 2):
        deliver(tmp_path / f"v{release}", Origin(f"b{release}", release), write("one"))
        name_latest(tmp_path / f"v{release}")
    name_latest(tmp_path / "v1")
    assert os.readlink(tmp_path / "latest") == "v2"
    assert latest_release(tmp_path) == 2
    (tmp_path / "v2").rename(tmp_path / "elsewhere")
    assert latest_release(tmp_path) == 0
    name_latest(tmp_path / "v1")
    assert (tmp_path / "latest" / "file").is_file()


def test_a_bundle_folder_is_served_by_its_alias(tmp_path):
    for version in ("v1", "v2"):
        one = goods(version)
        what = (one.manifest.name, one.manifest.version, one.manifest.release, one.identity)
        assert push("folder", one, tmp_path) == "placed"
        assert all_there(["folder", "fleet"], tmp_path, *what)
        assert BundleFolder(tmp_path / "folder" / "tiny" / "latest").id == one.identity
    assert all_there(["folder"], tmp_path, "tiny", "v1", 1, goods("v1").identity)
    assert not all_there(["folder", "tfjs"], tmp_path, "tiny", "v1", 1, goods("v1").identity)
    (tmp_path / "folder" / "tiny" / "latest").unlink()
    assert not all_there(["folder"], tmp_path, "tiny", "v2", 2, goods("v2").identity)


def test_an_archive_that_leads_out_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../outside", b"x")
    with pytest.raises(Rejected, match="leads out of the archive"):
        _unpack(tmp_path / "bad.zip", tmp_path / "out")


def test_the_fleet_as_destination_needs_its_home():
    with pytest.raises(ConfigError, match="fleet_home"):
        parse(PusherSettings, {"to": ["fleet"]}, "--set")
    with pytest.raises(ConfigError, match="ftp"):
        parse(PusherSettings, {"to": ["ftp"]}, "--set")


def test_the_pusher_says_what_became_of_each_destination_and_finds_what_is_gone(tmp_path):
    for name in ("evaluation", "pushed"):
        (tmp_path / name).mkdir()
    (tmp_path / "evaluation" / "metrics.json").write_text(json.dumps({"part": {"auroc": 1.0}}))
    names = ("evaluation", "pushed", "model", "examples", "data", "blessing", "infra_blessing")
    paths = {name: tmp_path / name for name in names} | {"bundle": BUNDLES / "tiny-v1"}
    values = {"fleet_home": "", "to": ["folder"], "origin": "o", "root": str(tmp_path / "root")}
    context = Context(tmp_path, lambda text, done: None)

    def push_it():
        return pusher(**paths, **values, place=str(tmp_path / "served"), context=context)["pushed"]

    made = push_it()
    assert made["destinations"] == {"folder": "placed"}
    assert json.loads((tmp_path / "pushed" / "pushed.json").read_text())["places"] == {"folder": "folder/tiny/v1"}
    outputs = {"pushed": Artifact("PushedModel", "", tmp_path, made)}
    asked = (tmp_path / "root", ["folder"], tmp_path / "served")
    assert still_pushed(outputs, *asked)
    assert len(history.load(tmp_path / "root")) == 1
    assert push_it()["destinations"] == {"folder": "was there"}
    assert len(history.load(tmp_path / "root")) == 1
    next((tmp_path / "served" / "folder" / "tiny" / "v1" / "blobs" / "sha256").iterdir()).unlink()
    assert not still_pushed(outputs, *asked)
    assert push_it()["destinations"] == {"folder": "placed"}
    assert still_pushed(outputs, *asked)
    next((tmp_path / "root" / "pushed" / "tiny" / "v1" / "blobs" / "sha256").iterdir()).unlink()
    assert not still_pushed(outputs, *asked)
    push_it()
    assert still_pushed(outputs, *asked)


def test_a_damaged_bundle_stays_until_its_copy_is_whole(tmp_path, monkeypatch):
    target = tmp_path / "pushed" / "v1"
    copy_whole(BUNDLES / "tiny-v1", target)
    next((target / "blobs" / "sha256").iterdir()).unlink()
    with monkeypatch.context() as full:
        full.setattr(shutil, "copytree", lambda *_: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(OSError, match="no space"):
            copy_whole(BUNDLES / "tiny-v1", target)
    assert BundleFolder(target).id == BundleFolder(BUNDLES / "tiny-v1").id
    copy_whole(BUNDLES / "tiny-v1", target)
    assert BundleFolder(target).problems() == []


def test_a_push_that_failed_keeps_its_name_for_what_it_was_made_of(tmp_path):
    target = tmp_path / "tiny" / "v1"
    note_origin(target, "origin")
    assert names_taken(target.parent, "origin", lambda _bundle: True) == set()
    copy_whole(BUNDLES / "tiny-v1", target)
    assert names_taken(target.parent, "origin", lambda _bundle: True) == set()
    assert names_taken(target.parent, "other", lambda _bundle: True) == {"v1"}
    assert names_taken(target.parent, "origin", lambda _bundle: False) == {"v1"}
    named = names_taken(target.parent, "other", lambda _bundle: True)
    assert history.next_release([], "tiny", "other", "", named=named) == ("v2", 2)
