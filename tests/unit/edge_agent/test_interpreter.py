import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import edge_agent
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.preprocess import decode, model_input
from edge_agent.contracts.scores import heatmap_peak, probabilities
from edge_agent.inference.child import peak_memory_mb
from edge_agent.inference.interpreter import RUNTIMES, Interpreter, load_runtime, quantisation_table

BUNDLE = BundleFolder(Path(__file__).parents[2] / "fixtures/bundles/tiny-v1")
MANIFEST = BUNDLE.open()
VARIANTS = {variant.id: variant for variant in MANIFEST.variants}


def golden(case):
    return model_input(decode(BUNDLE.read(case.picture), MANIFEST.recipe.camera.colour), MANIFEST.recipe)


@pytest.fixture(params=sorted(VARIANTS))
def variant(request):
    return VARIANTS[request.param]


def test_scores_are_what_the_bundle_promises(variant):
    interpreter = Interpreter(BUNDLE.path(variant.blob), threads=1)
    for case in MANIFEST.golden.cases:
        scores = interpreter.run(golden(case))
        found = probabilities(scores.logits, variant.temperature)
        assert np.abs(found - case.expected[variant.id]).max() <= MANIFEST.golden.tolerance
        assert MANIFEST.output.labels[int(np.argmax(found))] == case.label


def test_shapes_and_formats_are_those_of_the_contract(variant):
    interpreter = Interpreter(BUNDLE.read(variant.blob), threads=2)
    scores = interpreter.run(golden(MANIFEST.golden.cases[0]))
    assert interpreter.input_shape == MANIFEST.input.shape[1:]
    assert interpreter.classes == len(MANIFEST.output.labels)
    assert scores.logits.shape == (3,)
    assert scores.heatmap.shape == MANIFEST.output.heatmap
    assert scores.embedding.shape == (MANIFEST.output.embedding,)
    assert {array.dtype for array in (scores.logits, scores.heatmap, scores.embedding)} == {np.dtype(np.float32)}
    assert interpreter.delegated_partitions >= 1


def test_scores_of_one_picture_survive_the_next(variant):
    interpreter = Interpreter(BUNDLE.path(variant.blob), threads=1)
    first, second = golden(MANIFEST.golden.cases[0]), np.full(interpreter.input_shape, 255, np.uint8)
    kept = interpreter.run(first)
    before = kept.logits.copy(), kept.heatmap.copy()
    interpreter.run(second)
    assert np.array_equal(kept.logits, before[0])
    assert np.array_equal(kept.heatmap, before[1])


def test_the_heatmap_shows_where_the_defect_is():
    interpreter = Interpreter(BUNDLE.path(VARIANTS["float32"].blob), threads=1)
    picture = np.full(interpreter.input_shape, 110, np.uint8)
    picture[8:14, 34:40] = 220
    x, y = heatmap_peak(interpreter.run(picture).heatmap)
    assert abs(x - 37 / 48) < 0.17
    assert abs(y - 11 / 48) < 0.17


def test_another_shape_is_refused(variant):
    interpreter = Interpreter(BUNDLE.path(variant.blob), threads=1)
    with pytest.raises(ValueError, match=r"expected \(48, 48, 1\)"):
        interpreter.run(np.zeros((48, 47, 1), np.uint8))


def test_no_graph_and_half_a_graph_are_refused(tmp_path):
    path = tmp_path / "half.tflite"
    path.write_bytes(b"")
    with pytest.raises(Rejected, match="cannot load this graph"):
        Interpreter(path, threads=1)
    with pytest.raises(Rejected, match="cannot load this graph"):
        Interpreter(b"PK\x03\x04" * 50, threads=1)


def test_tables_quantise_every_grey_level():
    int8 = quantisation_table(np.dtype(np.int8), 1.0, -128)
    assert int8.tolist() == list(range(-128, 128))
    halves = quantisation_table(np.dtype(np.uint8), 2.0, 0)
    assert halves.max() == 128
    assert quantisation_table(np.dtype(np.int16), 255 / 32767, 0)[255] == 32767
    assert quantisation_table(np.dtype(np.int8), 0.1, 0).max() == 127
    with pytest.raises(Rejected, match="scale"):
        quantisation_table(np.dtype(np.int8), 0.0, 0)


def test_the_runtime_says_its_name():
    runtime = load_runtime()
    assert runtime.name in RUNTIMES
    assert str(runtime) == f"{runtime.name} {runtime.version}"


def test_a_call_costs_little_beyond_the_bare_loop():
    interpreter = Interpreter(BUNDLE.path(VARIANTS["float32"].blob), threads=1)
    bare, picture = interpreter._tflite, golden(MANIFEST.golden.cases[0])
    staged, index = interpreter._staged, interpreter._input_index
    outputs = [detail["index"] for detail in bare.get_output_details()]
    loops: tuple[list[float], list[float]] = ([], [])
    for _ in range(300):
        started = time.perf_counter()
        bare.set_tensor(index, staged)
        bare.invoke()
        answers = [bare.get_tensor(output) for output in outputs]
        middle = time.perf_counter()
        interpreter.run(picture)
        loops[0].append(middle - started)
        loops[1].append(time.perf_counter() - middle)
    assert len(answers) == 3
    # A tenth of the allowance would do; a median of interleaved runs bears a busy machine.
    assert np.median(loops[1]) - np.median(loops[0]) < 0.3e-3


def ask(request):
    command = [sys.executable, "-m", "edge_agent.inference.child"]
    text = request if isinstance(request, str) else json.dumps(request)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


def test_the_child_scores_times_and_measures(tmp_path, variant):
    pictures = np.stack([golden(case) for case in MANIFEST.golden.cases])
    np.save(tmp_path / "in.npy", pictures)
    request = {"model": str(BUNDLE.path(variant.blob)), "inputs": str(tmp_path / "in.npy"), "threads": 1, "repeat": 20}
    code, answer = ask({**request, "outputs": str(tmp_path / "out.npz")})
    assert (code, answer["ok"], answer["inputs"], answer["stride"]) == (0, True, len(pictures), 1)
    assert 0 < answer["p50_ms"] <= answer["p95_ms"]
    assert answer["memory_mb"] > 10
    with np.load(tmp_path / "out.npz") as scores:
        here = Interpreter(BUNDLE.path(variant.blob), threads=1)
        assert np.allclose(scores["logits"][2], here.run(pictures[2]).logits, atol=1e-5)
        assert scores["heatmap"].shape == (len(pictures), *MANIFEST.output.heatmap)
        assert scores["embedding"].shape == (len(pictures), MANIFEST.output.embedding)


def test_the_child_scores_fewer_where_time_is_short(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((64, 48, 48, 1), np.uint8))
    request = {"model": str(BUNDLE.path(VARIANTS["float32"].blob)), "inputs": str(tmp_path / "in.npy"), "repeat": 10}
    code, answer = ask({**request, "outputs": str(tmp_path / "out.npz"), "score_limit_s": 1e-6})
    assert (code, answer["stride"]) == (0, 64)
    with np.load(tmp_path / "out.npz") as scores:
        assert scores["logits"].shape == (1, 3)


def test_the_child_says_what_is_wrong_and_exits_with_3(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((2, 9, 9, 1), np.uint8))
    request = {"model": str(BUNDLE.path(VARIANTS["float32"].blob)), "inputs": str(tmp_path / "in.npy")}
    code, answer = ask(request)
    assert (code, answer["ok"]) == (3, False)
    assert "the graph takes (48, 48, 1)" in answer["reason"]
    code, answer = ask({**request, "inputs": str(tmp_path / "none.npy")})
    assert (code, answer["ok"]) == (3, False)
    assert ask("{}") == (3, {"ok": False, "reason": "missing key 'model'"})
    assert ask("no json")[0] == 3


def test_memory_is_measured():
    assert 5 < peak_memory_mb() < 100_000


def _package(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    (folder / name / "interpreter.py").write_text(text)


def _chosen(folder: Path) -> str:
    """What a fresh interpreter says that finds these packages first."""
    look = (
        "from edge_agent.inference.interpreter import load_runtime\n"
        "try: print(load_runtime())\nexcept Exception as e: print(e)"
    )
    places = os.pathsep.join([str(folder), str(Path(edge_agent.__file__).parents[1])])
    command = [sys.executable, "-c", look]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": places})
    return done.stdout


def test_a_runtime_that_cannot_be_loaded_here_makes_room_for_the_other_one(tmp_path: Path) -> None:
    """As on a device whose C library is older than the wheel: an ImportError, and not that nothing is there."""
    _package(tmp_path, "ai_edge_litert", "raise ImportError('GLIBC_2.99 not found')\n")
    alone = _chosen(tmp_path)
    assert "ai-edge-litert is installed and cannot be loaded (GLIBC_2.99 not found)" in alone
    assert "tflite-runtime" in alone
    _package(tmp_path, "tflite_runtime", "")
    about = tmp_path / "tflite_runtime-2.14.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tflite-runtime\nVersion: 2.14.0\n")
    assert _chosen(tmp_path) == "tflite-runtime 2.14.0\n"
