"""The bundle format of schema version 1, frozen: every later version must read this one (docs/formats/bundle.md)."""

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.archive import pack_archive, unpack_archive
from edge_agent.contracts.bundle import BundleFolder, manifest_bytes, parse_manifest
from edge_agent.contracts.encoding import canonical_json, digest_file
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.measures import feature_names
from edge_agent.contracts.window import Baseline

GOLDEN = Path(__file__).parent / "golden/bundle-1"
BUNDLE_ID = "3c1549cf7d2aff5f9af966c295a6dbcfb78d2108d6369e4c960fab7985959e61"
ARCHIVE_DIGEST = "12fa1d31fea3730df4cebe50badbd73fe5e13323b909ff6988229feae1640875"
BASELINE_SCHEMA = "f394a14e4fbe6945047a69df2f080655a6aa6782e5ee9d0c3296aebd2a029790"


@pytest.fixture
def bundle():
    return BundleFolder(GOLDEN)


def test_the_frozen_bundle_keeps_its_identity_and_is_whole(bundle):
    assert bundle.id == BUNDLE_ID
    assert bundle.problems() == []
    files = {path.name for path in GOLDEN.rglob("*") if path.is_file()}
    assert files == {"manifest.json", *(blob.digest for blob in bundle.open(BUNDLE_ID).blobs())}


def test_what_the_manifest_says_is_read(bundle):
    manifest = bundle.open()
    assert (manifest.schema_version, manifest.name, manifest.version, manifest.release) == (1, "tiny", "v1", 1)
    assert manifest.input.shape == (1, 48, 48, 1)
    assert manifest.output.labels == ("ok", "scratch", "pit")
    assert (manifest.output.heatmap, manifest.output.embedding) == ((6, 6), 8)
    assert [variant.id for variant in manifest.variants] == ["float32", "int8"]
    assert manifest.variant_for("x86_64").id == manifest.variant_for("never-heard-of").id == manifest.chosen
    assert set(manifest.documents) == {"baseline", "evaluation", "labels", "model_card"}
    assert {case.label for case in manifest.golden.cases} == {"ok", "scratch", "pit"}
    for variant in manifest.variants:
        assert variant.thresholds.evidence == "bound"
        assert variant.measured[0].runtime.split()[0] in ("ai-edge-litert", "tflite-runtime")


def test_a_device_needs_its_variant_the_pictures_and_the_baseline(bundle):
    manifest = bundle.open()
    needed = {blob.digest for blob in manifest.blobs_for("x86_64")}
    pictures = {case.picture.digest for case in manifest.golden.cases}
    assert needed == {manifest.variant_for("x86_64").blob.digest, manifest.documents["baseline"].digest, *pictures}


def test_the_baseline_of_the_frozen_bundle_is_read(bundle):
    baseline = Baseline.model_validate_json(bundle.read(bundle.open().documents["baseline"]))
    assert baseline.schema_id == BASELINE_SCHEMA
    assert tuple(feature.name for feature in baseline.features) == feature_names(8)
    assert {len(scores) for scores in baseline.calibration.values()} == {300}
    assert all(list(scores) == sorted(scores) for scores in baseline.calibration.values())


def test_writing_what_was_read_gives_the_same_values(bundle):
    manifest = bundle.open()
    assert parse_manifest(manifest_bytes(manifest)) == manifest


def test_the_archive_of_a_bundle_is_frozen_too(bundle, tmp_path):
    pack_archive(bundle, tmp_path / "b.lineside")
    assert digest_file(tmp_path / "b.lineside") == ARCHIVE_DIGEST
    unpacked = unpack_archive(tmp_path / "b.lineside", tmp_path / "in")
    assert unpacked.folder == tmp_path / "in" / BUNDLE_ID
    assert unpacked.problems() == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"chosen": "float64"}, "must be distinct and include"),
        ({"surprise": 1}, "surprise"),
        ({"release": 0}, "release"),
        ({"name": "../up"}, "name"),
    ],
)
def test_a_manifest_that_breaks_the_format_is_refused_naming_the_key(bundle, change, where):
    content = json.loads(bundle.manifest_bytes()) | change
    with pytest.raises(Rejected, match=where):
        parse_manifest(canonical_json(content))


def test_no_folder_and_another_manifest_are_refused(bundle, tmp_path):
    with pytest.raises(Rejected, match="no bundle"):
        BundleFolder(tmp_path).open()
    copy = BundleFolder(Path(shutil.copytree(GOLDEN, tmp_path / "copy")))
    (copy.folder / "manifest.json").write_bytes(copy.manifest_bytes() + b" ")
    with pytest.raises(Rejected, match=f"expected {BUNDLE_ID[:12]}"):
        copy.open(BUNDLE_ID)
