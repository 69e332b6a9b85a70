"""Writes a bundle: blobs named by their content, then the manifest that names them. Same content, same bytes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.archive import SUFFIX, pack_archive, sync
from edge_agent.contracts.bundle import (
    MANIFEST,
    Blob,
    BundleFolder,
    Golden,
    GoldenCase,
    InputContract,
    Manifest,
    OutputContract,
    Sources,
    Variant,
    manifest_bytes,
)
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract


@dataclass(frozen=True)
class Release:
    """What the version is called, and where it comes from."""

    name: str
    version: str
    release: int
    sources: Sources


@dataclass(frozen=True)
class GoldenPicture:
    """A self-test picture: PNG bytes, its label, and each variant's calibrated class probabilities.

    Of a model for tables it is a row as JSON instead.
    """

    name: str
    png: bytes
    label: str
    expected: Mapping[str, tuple[float, ...]]


class BundleWriter:
    """Collects the blobs of one bundle beside its final place and publishes it in one step."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(f".{target.name}.part")
        if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / MANIFEST).is_file())):
            raise ConfigError(f"{target}: exists and is no bundle; name another folder or remove it")
        shutil.rmtree(self.partial, ignore_errors=True)
        (self.partial / "blobs/sha256").mkdir(parents=True)

    def blob(self, data: bytes) -> Blob:
        """Add content and return its name."""
        blob = Blob(digest=digest_bytes(data), size=len(data))
        path = self.partial / blob.path
        if not path.exists():
            path.write_bytes(data)
            sync(path)
        return blob

    def publish(self, manifest: Manifest) -> BundleFolder:
        """Write the manifest last and move the whole to its place, instead of an older bundle there."""
        (self.partial / MANIFEST).write_bytes(manifest_bytes(manifest))
        sync(self.partial / MANIFEST)
        if self.target.exists():
            shutil.rmtree(self.target)
        os.rename(self.partial, self.target)
        sync(self.target.parent)
        return BundleFolder(self.target)


def pack(
    target: Path,
    release: Release,
    recipe: Recipe,
    output: OutputContract,
    variants: Sequence[tuple[Variant, bytes]],
    chosen: str,
    device_map: Mapping[str, str],
    golden: Sequence[GoldenPicture],
    documents: Mapping[str, bytes],
    row: RowContract | None = None,
) -> BundleFolder:
    """Write the bundle folder `target`. The variants' own `blob` is set from their bytes.

    `row` is the input of a model for tables; without it the recipe says what pictures the model takes.

    Raises ConfigError where something else lies at `target`, ValueError where the parts contradict each other.
    """
    writer = BundleWriter(target)
    manifest = Manifest(
        name=release.name,
        version=release.version,
        release=release.release,
        sources=release.sources,
        recipe=recipe,
        input=row or _picture_input(recipe),
        output=output,
        variants=tuple(v.model_copy(update={"blob": writer.blob(data)}) for v, data in variants),
        chosen=chosen,
        device_map=dict(device_map),
        golden=Golden(cases=tuple(_case(writer, picture) for picture in golden)),
        documents={name: writer.blob(data) for name, data in documents.items()},
    )
    return writer.publish(manifest)


def _picture_input(recipe: Recipe) -> InputContract:
    network, camera = recipe.network, recipe.camera
    channels = 1 if camera.colour.value == "grey" else 3
    shape = (1, network.height, network.width, channels)
    return InputContract(shape=shape, colour=camera.colour, crop=camera.crop, fit=network.fit)


def _case(writer: BundleWriter, picture: GoldenPicture) -> GoldenCase:
    return GoldenCase(
        name=picture.name, picture=writer.blob(picture.png), label=picture.label, expected=dict(picture.expected)
    )


def write_archive(bundle: BundleFolder, name: str, version: str) -> Path:
    """Write the bundle as one file beside its folder and return the path."""
    target = bundle.folder.parent / f"{name}-{version}{SUFFIX}"
    pack_archive(bundle, target)
    return target
