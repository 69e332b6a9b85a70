import json

import numpy as np
import pytest

from converter.card import model_card
from converter.golden import candidates, pick, to_png, wrongly_prepared
from converter.pack import GoldenPicture, Release, pack, write_archive
from converter.provenance import environment_digest, model_digest, sources_of
from edge_agent.contracts.bundle import BundleFolder, OutputContract, Sources, ThresholdPair, Variant
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.preprocess import decode
from edge_agent.contracts.recipe import Colour

NOTHING = digest_bytes(b"")
RELEASE = Release("tiny", "v9", 9, Sources(data=NOTHING, code=NOTHING, environment=NOTHING))
PICTURE = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48, 1)


def packed(target, recipe):
    variant = Variant.model_validate(
        {
            "id": "float32",
            "format": "tflite",
            "blob": {"digest": "0" * 64, "size": 0},
            "thresholds": ThresholdPair(accept_below=0.2, reject_above=0.8),
        }
    )
    golden = GoldenPicture("01-ok", to_png(PICTURE), "ok", {"float32": (0.9, 0.05, 0.05)})
    output = OutputContract(labels=recipe.labels.names)
    documents = {"labels": b"[]", "model_card": b"# card\n"}
    return pack(target, RELEASE, recipe, output, [(variant, b"graph")], "float32", {}, [golden], documents)


def test_two_packs_of_the_same_are_the_same_bytes(tiny_recipe, tmp_path):
    first, second = packed(tmp_path / "a", tiny_recipe), packed(tmp_path / "b" / "c", tiny_recipe)
    assert first.id == second.id
    names = sorted(p.relative_to(first.folder) for p in first.folder.rglob("*") if p.is_file())
    assert all((first.folder / n).read_bytes() == (second.folder / n).read_bytes() for n in names)
    archives = [write_archive(bundle, "tiny", "v9").read_bytes() for bundle in (first, second)]
    assert archives[0] == archives[1]


def test_a_bundle_is_whole_and_names_its_blobs_by_content(tiny_recipe, tmp_path):
    bundle = packed(tmp_path / "bundle", tiny_recipe)
    manifest = bundle.open()
    assert bundle.problems() == []
    assert bundle.read(manifest.variants[0].blob) == b"graph"
    assert not list(tmp_path.glob(".*"))


def test_an_older_bundle_is_replaced_but_nothing_else_is(tiny_recipe, tmp_path):
    packed(tmp_path / "bundle", tiny_recipe)
    assert packed(tmp_path / "bundle", tiny_recipe).problems() == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is no bundle"):
        packed(tmp_path / "mine", tiny_recipe)
    assert (tmp_path / "mine/thesis.txt").exists()


@pytest.mark.parametrize("shape", [(20, 30, 1), (20, 30, 3)])
def test_golden_pictures_lose_nothing(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    colour = Colour.GREY if shape[2] == 1 else Colour.RGB
    assert np.array_equal(decode(to_png(picture), colour), picture)


def test_golden_pictures_cover_every_label_and_prefer_sensitive_ones():
    labels = ["ok", "ok", "pit", "scratch", "ok"]
    assert pick(labels, [0.1, 0.5, 0.0, 0.2, 0.4], most=4) == [1, 2, 3, 4]
    assert pick(labels, [0.1, 0.5, 0.0, 0.2, 0.4], most=3) == [1, 2, 3]


def test_candidates_are_rightly_classified_and_spread():
    labels = np.array([0] * 50 + [1] * 50)
    predicted = labels.copy()
    predicted[:10] = 1
    found = candidates(labels, predicted, most=10)
    assert len(found) == 10
    assert min(found) >= 10
    assert sum(place >= 50 for place in found) == 5
    assert candidates(np.array([1, 1]), np.array([0, 0])) == [0, 1]


def test_wrong_preparation_differs_from_the_right_one(tiny_recipe):
    fine = np.zeros((150, 150, 1), np.uint8)
    fine[::3] = 255
    from edge_agent.contracts.preprocess import model_input

    wrong, right = wrongly_prepared(fine, tiny_recipe), model_input(fine, tiny_recipe)
    assert wrong.shape == right.shape
    assert np.abs(wrong.astype(int) - right).max() > 30


def test_sources_of_an_unknown_model_are_digests(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"model")
    found = sources_of(tmp_path / "m.keras", NOTHING)
    assert found.code == digest_bytes(b"model")
    assert found.environment == environment_digest()
    assert model_digest(tmp_path) != found.code


def test_the_card_says_what_is_promised(tiny_bundle: BundleFolder):
    manifest = tiny_bundle.open()
    card = tiny_bundle.read(manifest.documents["model_card"]).decode()
    assert "is the fastest that passes" in card
    assert "true escape rate at most" in card
    assert manifest.sources.data in card
    evaluation = json.loads(tiny_bundle.read(manifest.documents["evaluation"]))
    assert {row["id"] for row in evaluation["variants"]} == {"float32", "int8"}
    assert model_card(RELEASE, manifest.recipe, [], "why", []).startswith("# tiny v9 (release 9)")
