"""Small but whole bundles, made through the contracts; the model inside is a few bytes that nobody runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge_agent.contracts.bundle import (
    Blob,
    BundleFolder,
    Golden,
    GoldenCase,
    InputContract,
    Manifest,
    OutputContract,
    Sources,
    ThresholdPair,
    Variant,
    manifest_bytes,
)
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.recipe import Colour, Crop, Labels, Recipe

_THRESHOLDS = ThresholdPair(accept_below=0.3, reject_above=0.7)


def _blob(folder: Path, content: bytes) -> Blob:
    blob = Blob(digest=hashlib.sha256(content).hexdigest(), size=len(content))
    path = folder / blob.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return blob


def make_bundle(folder: Path, version: str = "v1", name: str = "tiles", release: int = 1) -> BundleFolder:
    """Write a bundle whose content depends on `version` alone."""
    model, picture = _blob(folder, f"model {version}".encode()), _blob(folder, b"picture")
    nothing = digest_bytes(b"")
    labels = Labels(good="good", defects=("scratch",))
    manifest = Manifest(
        name=name,
        version=version,
        release=release,
        sources=Sources(data=nothing, code=nothing, environment=nothing),
        recipe=Recipe(name=name, labels=labels),
        input=InputContract(shape=(1, 32, 32, 1), colour=Colour.GREY, crop=Crop()),
        output=OutputContract(labels=labels.names),
        variants=(
            Variant(
                id="float32", format="tflite", blob=model, thresholds=ThresholdPair(accept_below=0.3, reject_above=0.7)
            ),
        ),
        chosen="float32",
        golden=Golden(cases=(GoldenCase(name="one", picture=picture, label="good", expected={"float32": (0.9, 0.1)}),)),
    )
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))
    return BundleFolder(folder)
