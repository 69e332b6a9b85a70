"""Bundle folders with made-up blobs: everything but the graph is real."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.bundle import (
    Blob,
    BundleFolder,
    Golden,
    InputContract,
    Manifest,
    OutputContract,
    Sources,
    ThresholdPair,
    Variant,
    manifest_bytes,
)
from edge_agent.contracts.encoding import canonical_json, digest_bytes
from edge_agent.contracts.recipe import Colour, Crop, Labels, Recipe
from edge_agent.contracts.window import Baseline, Feature

RECIPE = Recipe(name="plate", labels=Labels(good="good", defects=("scratch",)))
BASELINE = Baseline(
    features=(
        Feature(
            name="brightness", edges=(50.0, 100.0), origin=0.0, step=0.1, counts=(1, 8, 1), mean=75.0, deviation=9.0
        ),
        Feature(name="score", edges=(0.5,), origin=0.0, step=0.001, counts=(9, 1), mean=0.1, deviation=0.1),
    ),
    labels=("good", "scratch"),
    window_parts=5,
)


def made_up_bundle(
    folder: Path,
    version: str = "1",
    name: str = "plate",
    model: bytes = b"graph",
    baseline: Baseline | None = BASELINE,
    formats: tuple[str, ...] = ("tflite",),
    recipe: Recipe = RECIPE,
) -> BundleFolder:
    """Write a bundle below `folder` and return it; its model is those bytes, whatever they are."""
    contents: dict[str, bytes] = {}

    def blob(data: bytes) -> Blob:
        contents[digest_bytes(data)] = data
        return Blob(digest=digest_bytes(data), size=len(data))

    pair = ThresholdPair(accept_below=0.3, reject_above=0.7)
    variants = tuple(
        Variant(id=f"v{i}", format=f, blob=blob(model + b"%d" % i), thresholds=pair) for i, f in enumerate(formats)
    )
    documents = {"baseline": blob(canonical_json(baseline))} if baseline else {}
    manifest = Manifest(
        name=name,
        version=version,
        release=1,
        sources=Sources(data="0" * 64, code="1" * 64, environment="2" * 64),
        recipe=recipe,
        input=InputContract(shape=(1, 128, 128, 1), colour=Colour.GREY, crop=Crop()),
        output=OutputContract(labels=recipe.labels.names),
        variants=variants,
        chosen="v0",
        golden=Golden(cases=()),
        documents={**documents, "model_card": blob(b"for people")},
    )
    return write_bundle(folder, manifest, contents)


def write_bundle(folder: Path, manifest: Manifest, contents: dict[str, bytes]) -> BundleFolder:
    """Lay a bundle down at `folder/<bundle id>`."""
    data = manifest_bytes(manifest)
    target = folder / digest_bytes(data)
    (target / "blobs/sha256").mkdir(parents=True)
    (target / "manifest.json").write_bytes(data)
    for digest, content in contents.items():
        (target / "blobs/sha256" / digest).write_bytes(content)
    return BundleFolder(target)
