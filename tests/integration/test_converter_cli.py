"""The `converter` command as a person and a machine use it, from a trained model to a verified bundle."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import yaml
from click.testing import CliRunner

from converter.cli import main
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.preprocess import decode, model_input
from edge_agent.contracts.scores import probabilities
from edge_agent.contracts.window import Baseline
from edge_agent.inference.interpreter import Interpreter
from edge_agent.install.selftest import run_selftest
from tests.fixtures.make_bundles import HERE, RECIPE, write_parts
from tests.simulators.tfjs_page import TfjsPage

MODEL = HERE / "models/tiny.keras"
BUNDLES = HERE / "bundles"
VARIANTS = ["float32", "float16", "dynamic", "int8", "int16x8", "tfjs", "onnx"]


def command(*arguments):
    code = "import sys; from converter.cli import main; sys.argv[0] = 'converter'; main()"
    started = time.monotonic()
    line = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=400, check=False)
    return done, time.monotonic() - started


def answer(done):
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A recipe, 90 training pictures (too few, unless forced) and 80 held-out ones."""
    folder = tmp_path_factory.mktemp("data")
    write_parts(folder / "train", 1, 45)
    write_parts(folder / "test", 2, 40)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


@pytest.fixture(scope="module")
def converted(data):
    """Every format of the tiny Keras model, by the command; its JSON."""
    named = ("--version", "v7", "--release", "7")
    done, _ = command("convert", MODEL, *options(data, "all"), *named, "--tfjs", "--onnx", "--force", "--json")
    assert done.returncode == 0, done.stderr
    return answer(done)


def options(data, out):
    folders = ("--calibration", data / "train", "--test", data / "test", "--out", data / out)
    return ("--recipe", data / "recipe.yaml", *folders)


@pytest.mark.slow
def test_every_format_is_made_judged_and_packed(converted):
    assert [row["id"] for row in converted["variants"]] == VARIANTS
    assert {row["status"] for row in converted["variants"]} == {"passed"}
    rows = {row["id"]: row for row in converted["variants"]}
    keys = {"id", "status", "reason", "bytes", "max_diff", "agreement", "accuracy", "p50_ms"}
    assert all(keys <= set(row) for row in rows.values())
    assert rows["float32"]["max_diff"] < 1e-4
    assert rows["onnx"]["max_diff"] < 1e-4
    assert (rows["tfjs"]["max_diff"], rows["tfjs"]["reason"][:12]) == (None, "not run here")
    assert rows["int8"]["bytes"] < rows["float32"]["bytes"]
    able = [row for row in rows.values() if row["p50_ms"] is not None]
    assert converted["chosen"] == min(able, key=lambda row: (row["p50_ms"], row["bytes"]))["id"]


@pytest.mark.slow
def test_the_bundle_holds_what_a_device_needs(converted):
    bundle = BundleFolder(Path(converted["bundle"]))
    assert bundle.id == converted["bundle_id"]
    assert bundle.problems() == []
    manifest = bundle.open()
    assert [variant.id for variant in manifest.variants] == VARIANTS
    assert {case.label for case in manifest.golden.cases} == {"ok", "scratch", "pit"}
    assert all(set(case.expected) == set(VARIANTS) - {"tfjs", "onnx"} for case in manifest.golden.cases)
    by_id = {variant.id: variant for variant in manifest.variants}
    assert by_id["int8"].calibration_set == by_id["int16x8"].calibration_set is not None
    assert by_id["float32"].calibration_set is None
    assert by_id["tfjs"].temperature == pytest.approx(by_id["float32"].temperature, rel=1e-3)
    baseline = Baseline.model_validate_json(bundle.read(manifest.documents["baseline"]))
    assert baseline.window_parts == RECIPE["monitoring"]["window_parts"]
    assert not [path for path in bundle.folder.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_the_agent_s_own_self_test_passes_on_it(converted):
    result = run_selftest(BundleFolder(Path(converted["bundle"])), "x86_64")
    assert result.ok, result.reason


@pytest.mark.slow
def test_onnx_and_tfjs_are_whole(converted):
    bundle = BundleFolder(Path(converted["bundle"]))
    manifest = bundle.open()
    variants = {variant.id: variant for variant in manifest.variants}
    session = onnxruntime.InferenceSession(bundle.path(variants["onnx"].blob), providers=["CPUExecutionProvider"])
    picture = np.full((48, 48, 1), 110, np.uint8)
    names = [output.name for output in session.get_outputs()]
    assert sorted(names) == ["embedding", "heatmap", "logits"]
    found = dict(zip(names, session.run(None, {"image": picture[None].astype(np.float32)}), strict=True))
    edge = Interpreter(bundle.path(variants["float32"].blob), threads=1).run(picture)
    assert np.abs(probabilities(found["logits"][0], 1.0) - probabilities(edge.logits, 1.0)).max() < 1e-4
    with zipfile.ZipFile(bundle.path(variants["tfjs"].blob)) as archive:
        model = json.loads(archive.read("model.json"))
        shards = {name for group in model["weightsManifest"] for name in group["paths"]}
        assert model["format"] == "graph-model"
        assert shards | {"model.json"} == set(archive.namelist())


@pytest.mark.slow
def test_a_browser_computes_what_the_device_computes(converted, browser):
    bundle = BundleFolder(Path(converted["bundle"]))
    manifest = bundle.open()
    blobs = {variant.id: variant.blob for variant in manifest.variants}
    edge = Interpreter(bundle.path(blobs["float32"]), threads=1)
    page = browser.new_page()
    in_browser = TfjsPage(page, bundle.read(blobs["tfjs"]))
    for case in manifest.golden.cases:
        picture = model_input(decode(bundle.read(case.picture), manifest.recipe.camera.colour), manifest.recipe)
        found, expected = in_browser.run(picture), edge.run(picture)
        assert set(found) == {"logits", "heatmap", "embedding"}
        assert found["logits"] == pytest.approx(expected.logits, abs=1e-3)
        assert found["heatmap"] == pytest.approx(expected.heatmap.reshape(-1), abs=1e-3)
        assert found["embedding"] == pytest.approx(expected.embedding.reshape(-1), abs=1e-3)
    page.close()


@pytest.mark.slow
def test_verify_and_inspect_agree(converted):
    done, _ = command("verify", converted["archive"], "--json", "--id", converted["bundle_id"])
    assert (done.returncode, answer(done)["ok"], answer(done)["problems"]) == (0, True, []), done.stderr
    assert len(answer(done)["cases"]) == 5 * 6
    done, _ = command("inspect", converted["bundle"], "--json")
    assert answer(done)["bundle_id"] == converted["bundle_id"]
    assert answer(done)["manifest"]["chosen"] == converted["chosen"]


@pytest.mark.slow
def test_what_was_forced_is_written_on_the_card(converted):
    bundle = BundleFolder(Path(converted["bundle"]))
    manifest = bundle.open()
    assert (manifest.version, manifest.release) == ("v7", 7)
    assert "forced by a person: TOO_FEW: 90 calibration pictures" in card(bundle, manifest)


def card(bundle, manifest):
    return bundle.read(manifest.documents["model_card"]).decode()


@pytest.mark.slow
def test_the_exit_code_and_the_table_say_that_a_variant_is_missing(data):
    done, _ = command("convert", MODEL, *options(data, "few"), "--variants", "float32,int8")
    assert done.returncode == 3
    assert "int8 could not be made" in done.stderr
    assert "float32 is the fastest that passes" in done.stdout
    assert "TOO_FEW: 90 calibration pictures" in " ".join(done.stdout.split())
    assert BundleFolder(data / "few/bundle").problems() == []


def test_help_comes_at_once_and_names_the_commands():
    times = []
    for _ in range(3):
        done, seconds = command("--help")
        times.append(seconds)
        assert done.returncode == 0
        assert all(name in done.stdout for name in ("convert", "inspect", "verify"))
    heavy = "import sys, converter.cli; print({'tensorflow', 'numpy', 'cv2', 'pydantic'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
    done, _ = command("convert", "--help")
    assert "exit code is 3" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"--recipe": "nowhere.yaml"}, 5, "cannot be read"),
        ({"--test": "nowhere"}, 5, "labels.csv"),
        ({"--variants": "int4"}, 5, "variant 'int4' is unknown"),
        ({"--target": "abacus"}, 5, "target 'abacus' is unknown"),
        ({"model": "nowhere.keras"}, 5, "neither a .keras file nor a SavedModel"),
        ({"model": "model.onnx"}, 5, "ONNX cannot be the source"),
    ],
)
def test_wrong_arguments_are_one_line(data, change, code, text):
    given = dict(zip(*[iter(map(str, options(data, "wrong")))] * 2, strict=True)) | change
    model = given.pop("model", str(MODEL))
    done = CliRunner().invoke(main, ["convert", model, *(word for pair in given.items() for word in pair)])
    assert done.exit_code == code
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (data / "wrong/bundle").exists()


def test_verify_of_a_damaged_bundle_lists_the_problems(tmp_path):
    done, _ = command("verify", tmp_path, "--json")
    assert (done.returncode, answer(done)["ok"]) == (3, False)
    done, _ = command("verify", BUNDLES / "tiny-v2", "--id", "0" * 64)
    assert done.returncode == 3
    assert "expected 000000000000" in done.stderr
