"""Where a blessed model goes besides the fleet: folders that other programs serve from, one function a kind.

Below the place that the settings name: `folder/NAME/VERSION` is the bundle, `tf-serving/NAME/RELEASE` what TensorFlow
Serving watches, `tfjs/NAME/VERSION` a TF.js graph model and `saved-model/NAME/VERSION` what `hub.load` takes. All but
TensorFlow Serving, which takes the highest number by itself, have an alias `latest`.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.contracts.bundle import BundleFolder, Manifest
from edge_agent.contracts.errors import ConfigError, Rejected
from trainer.delivery.places import Origin, deliver, holds, latest_release, name_latest

FLEET = "fleet"


@dataclass(frozen=True)
class Goods:
    """What is pushed: the bundle with its manifest and ID, and the Model that it was converted from."""

    folder: BundleFolder
    manifest: Manifest
    identity: str
    model: Path


def push(kind: str, goods: Goods, place: Path) -> str:
    """Put the goods where they belong and name them the latest; return `placed` or `was there`. Raises as `deliver`."""
    known = goods.manifest
    target = place / target_of(kind, known.name, known.version, known.release)
    outcome = deliver(target, Origin(goods.identity, known.release), lambda folder: _MAKERS[kind](goods, folder))
    if kind != "tf-serving":
        name_latest(target)
    return outcome


def target_of(kind: str, name: str, version: str, release: int) -> Path:
    """Return where a version lies, relative to the place."""
    return Path(kind, name, str(release) if kind == "tf-serving" else version)


def all_there(kinds: Iterable[str], place: Path, name: str, version: str, release: int, identity: str) -> bool:
    """Say whether every destination still holds this bundle's content, and names it or a later one the latest."""
    targets = {kind: place / target_of(kind, name, version, release) for kind in kinds if kind != FLEET}
    return all(
        holds(target, identity) and (kind == "tf-serving" or latest_release(target.parent) >= release)
        for kind, target in targets.items()
    )


def _bundle(goods: Goods, folder: Path) -> None:
    shutil.copytree(goods.folder.folder, folder, dirs_exist_ok=True)


def _serving(goods: Goods, folder: Path) -> None:
    from trainer.delivery.serving_model import write_serving

    variants = {variant.id: variant for variant in goods.manifest.variants}
    source = variants.get("float32") or variants[goods.manifest.chosen]
    write_serving(goods.model / "saved_model", folder, source.temperature)
    extra = folder / "assets.extra"
    extra.mkdir(exist_ok=True)
    (extra / "labels.txt").write_text("\n".join(goods.manifest.output.labels) + "\n", encoding="utf-8")


def _tfjs(goods: Goods, folder: Path) -> None:
    """Take the bundle's own TF.js variant where it has one, else convert now."""
    for variant in goods.manifest.variants:
        if variant.format == "tfjs":
            goods.folder.read(variant.blob)
            return _unpack(goods.folder.path(variant.blob), folder)
    from converter.workshop import Job, Workshop

    with tempfile.TemporaryDirectory() as scratch, Workshop(Path(scratch) / "log") as workshop:
        fields = {"export": str(goods.model / "saved_model"), "folder": str(folder), "output": f"{scratch}/tfjs.zip"}
        answer = workshop.run([Job("tfjs", "tfjs", fields)])["tfjs"]
    if not answer.ok:
        kind = ConfigError if "lineside[tfjs]" in answer.reason else Rejected
        raise kind(f"pusher.to tfjs: {answer.reason}")
    return None


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            path = PurePosixPath(info.filename)
            if path.is_absolute() or ".." in path.parts:
                raise Rejected(f"{archive}: {info.filename!r} leads out of the archive; convert the model again")
            packed.extract(info, folder)


_MAKERS: dict[str, Callable[[Goods, Path], None]] = {
    "folder": _bundle,
    "tf-serving": _serving,
    "tfjs": _tfjs,
    "saved-model": _serving,
}
