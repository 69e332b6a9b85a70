"""A variant that is wrong in the device's runtime is not blessed, and what was served before is served still."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from edge_agent.contracts.bundle import Blob, BundleFolder, manifest_bytes
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.preprocess import decode, model_input
from edge_agent.contracts.quality import QUALITY_FEATURES
from trainer.components.infra_validator import NOT_BLESSED, infra_validator
from trainer.data.examples import TEXTS, Example, write_shard
from trainer.delivery.destinations import Goods, push
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import build_graph
from trainer.pipeline.progress import Lines
from trainer.pipeline.runner import Runner
from trainer.pipeline.runs import RunRecord
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Artifact, Context
from trainer.tasks.delivery import delivery_steps
from trainer.tasks.order import Order
from trainer.tasks.resolvers import Making, Resolvers

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
SETTINGS = {"p50_ms": 5000.0, "p95_ms": 0.0, "memory_mb": 0.0, "flipped_max": 0.05, "threads": 1}


def altered(folder: Path, change: Callable[[object], None]) -> BundleFolder:
    """Copy tiny-v2 with its int8 variant chosen, and the graph of that variant changed."""
    from tensorflow.lite.python import schema_py_generated as schema

    shutil.copytree(FIXTURES / "bundles" / "tiny-v2", folder)
    manifest = BundleFolder(folder).open()
    int8 = next(variant for variant in manifest.variants if variant.id == "int8")
    graph = schema.ModelT.InitFromPackedBuf((folder / int8.blob.path).read_bytes())
    change(graph)
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(graph.Pack(builder), b"TFL3")
    data = bytes(builder.Output())
    blob = Blob(digest=digest_bytes(data), size=len(data))
    (folder / blob.path).write_bytes(data)
    others = tuple(variant for variant in manifest.variants if variant.id != "int8")
    variants = (*others, int8.model_copy(update={"blob": blob}))
    made = manifest.model_copy(update={"variants": variants, "chosen": "int8"})
    (folder / "manifest.json").write_bytes(manifest_bytes(made))
    return BundleFolder(folder)


def without_weights(graph):
    largest = max((one for one in graph.buffers if one.data is not None), key=lambda one: len(one.data))
    largest.data = np.zeros(len(largest.data), np.uint8)


def with_a_foreign_operator(graph):
    graph.operatorCodes[0].builtinCode = graph.operatorCodes[0].deprecatedBuiltinCode = 32
    graph.operatorCodes[0].customCode = b"FlexErf"


def write_examples(folder: Path, recipe) -> None:
    rows = [path for path in sorted((FIXTURES / "parts" / "images").iterdir()) if path.suffix in (".jpg", ".png")]

    def example(path):
        image = model_input(decode(path.read_bytes(), recipe.camera.colour), recipe)
        texts = {name: path.stem.rpartition("_")[0] if name == "part" else "" for name in TEXTS}
        quality = (0.0,) * len(QUALITY_FEATURES)
        return Example(image, np.zeros(image.shape[:2], np.uint8), False, texts, quality)

    write_shard(map(example, rows), folder / "Split-test" / "data_tfrecord-00000-of-00001")


def save_source(folder: Path) -> None:
    """Export the model that the tiny bundles were converted from, as the Trainer does."""
    import keras
    import tensorflow as tf

    model = keras.saving.load_model(FIXTURES / "models" / "tiny.keras", compile=False)
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name="image")
    names = list(model.output_names)

    def serve(image):
        outputs = model(image, training=False)
        return outputs if isinstance(outputs, dict) else dict(zip(names, outputs, strict=True))

    archive.add_endpoint(name="serving_default", fn=serve, input_signature=[spec])
    archive.write_out(str(folder / "saved_model"), verbose=False)


def known_as(reference: str) -> str:
    """Name what former steps made as a source, for these steps are not run here."""
    return reference if reference.startswith("InfraValidator") else reference.replace(".", "-")


def served(root: Path) -> str:
    return BundleFolder(root / "served" / "folder" / "tiny" / "latest").id


@pytest.mark.slow
@pytest.mark.fault("T20")
def test_a_loss_by_int8_stops_before_the_pusher_and_latest_stays(tmp_path):
    root = tmp_path / "root"
    former = BundleFolder(FIXTURES / "bundles" / "tiny-v1")
    push("folder", Goods(former, former.open(), former.id, tmp_path), root / "served")
    driver = Driver(root)

    def published(name, make):
        staged = driver.store.stage(name)
        make(staged)
        digest = driver.store.publish(staged)
        return Artifact(name, digest, driver.store.path(digest))

    bundle = altered(tmp_path / "broken", without_weights)
    recipe = bundle.open().recipe
    metrics = json.dumps({"part": {}})
    makers = {
        "Trainer.model": save_source,
        "ExampleGen.examples": lambda folder: write_examples(folder, recipe),
        "Converter.bundle": lambda folder: shutil.copytree(bundle.folder, folder, dirs_exist_ok=True),
        "Evaluator.blessing": lambda folder: (folder / "BLESSED").touch(),
        "Evaluator.evaluation": lambda folder: (folder / "metrics.json").write_text(metrics),
        "data": lambda folder: (folder / "listing.json").touch(),
    }
    known = {known_as(name): published(name, make) for name, make in makers.items()}
    settings = Settings(pusher={"to": ["folder"]}, infra_validator={"p50_ms": 5000.0})
    order = Order(recipe, settings, root, [])
    resolvers = Resolvers(order, Making((), (), {}, {}), driver)
    steps = [
        replace(step, inputs={name: known_as(reference) for name, reference in step.inputs.items()})
        for step in delivery_steps(order, "none:none", {}, resolvers)
        if step.name in ("InfraValidator", "Pusher")
    ]
    record = RunRecord("r1", "t20", 1000)
    try:
        runner = Runner(driver, record, Lines(io.StringIO()), lambda: 1.0)
        found = runner.run(build_graph("t20", steps, list(known)), known)
    finally:
        driver.close()
    blessing = found["InfraValidator.blessing"]
    assert not blessing.blessed
    assert (blessing.path / NOT_BLESSED).is_file()
    lost = next(reason for reason in blessing.reasons if reason.startswith("parity: "))
    assert "answers change sides (largest difference 0." in lost
    assert blessing.properties["flipped"] > 0
    assert str(blessing.properties["flipped_parts"][0]) in lost
    assert blessing.properties["p95_ms"] >= blessing.properties["p50_ms"] > 0
    assert blessing.properties["memory_mb"] > 1
    assert {step.name: step.status for step in record.steps} == {"InfraValidator": "done", "Pusher": "skipped"}
    assert served(root) == former.id


@pytest.mark.slow
@pytest.mark.fault("T20")
def test_an_operator_that_no_device_has_is_named(tmp_path):
    bundle = altered(tmp_path / "foreign", with_a_foreign_operator)
    for name in ("blessing", "examples"):
        (tmp_path / name).mkdir()
    paths = {"bundle": bundle.folder, "model": tmp_path, "examples": tmp_path / "examples"}
    context = Context(tmp_path, lambda text, done: None)
    more = {"blessing": tmp_path / "blessing", "context": context, **SETTINGS}
    made = infra_validator(**paths, **more, runtimes=(), pythons={})["blessing"]
    assert made["blessed"] == 0
    assert any("UNSUPPORTED_OP FlexErf at layer" in reason for reason in made["reasons"])
    assert json.loads((tmp_path / "blessing" / "report.json").read_text())["reasons"] == made["reasons"]
    with pytest.raises(ConfigError, match="is not there; name its environment's Python"):
        infra_validator(**paths, **more, runtimes=("tflite-runtime",), pythons={"tflite-runtime": "/nowhere/python"})
