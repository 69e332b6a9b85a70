"""InfraValidator: the chosen variant in the devices' runtimes, in their own processes, before anything is pushed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import BundleFolder, Manifest, Variant
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.program import python_program
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer.data.picture_columns import pictures
from trainer.delivery.infra_rules import Floats, Found, Limits, parity, problems
from trainer.pipeline.step import Context

BLESSED, NOT_BLESSED = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
_PICTURES = 32
_REPEAT = 30
_TIMEOUT_S = 300.0
_HERE = "the runtime here"


@dataclass(frozen=True)
class Trial:
    """The variant that is tried, and the inputs (n, …) with their parts and the source model's answers (n,)."""

    folder: BundleFolder
    variant: Variant
    inputs: npt.NDArray[Any]
    parts: tuple[str, ...]
    source: Floats
    threads: int


def infra_validator(
    bundle: Path,
    model: Path,
    examples: Path,
    blessing: Path,
    p50_ms: float,
    p95_ms: float,
    memory_mb: float,
    flipped_max: float,
    threads: int,
    runtimes: Sequence[str],
    pythons: Mapping[str, str],
    context: Context,
) -> dict[str, Any]:
    """Load the chosen variant in the edge runtime, run the golden pictures and the test pictures, and time it.

    `runtimes` are names of other runtimes that must agree, too, `pythons` the Python of the environment of each. Not
    blessed when a self-test fails, an operator is not supported, too many answers flip, or it is too slow or too large.
    Raises ConfigError where an environment is missing or holds another runtime.
    """
    folder = BundleFolder(bundle)
    manifest = folder.open()
    variant = next(one for one in manifest.variants if one.id == manifest.chosen)
    found: dict[str, Found] = {}
    if variant.format == "tflite":
        context.progress(f"{variant.id} and the source model", None)
        inputs, parts = _test_inputs(manifest, examples)
        trial = Trial(folder, variant, inputs, parts, _source(model, inputs, variant), threads)
        for name, python in {_HERE: sys.executable, **{name: pythons[name] for name in runtimes}}.items():
            context.progress(f"{variant.id} in {name}", None)
            found[name] = _try(trial, python, "" if name == _HERE else name, context.scratch)
    limits = Limits(flipped_max, p50_ms, p95_ms, memory_mb)
    reasons = _reasons({one.runtime or name: problems(one, limits) for name, one in found.items()})
    (blessing / (NOT_BLESSED if reasons else BLESSED)).write_text(f"{bundle.name}\n", encoding="utf-8")
    report = {"variant": variant.id, "runtimes": [asdict(one) for one in found.values()], "reasons": reasons}
    (blessing / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return {"blessing": {**_properties(variant, found), "blessed": int(not reasons), "reasons": reasons}}


def _reasons(by_runtime: Mapping[str, list[str]]) -> list[str]:
    """Join the reasons; where several runtimes were asked, each says whose it is."""
    several = len(by_runtime) > 1
    return [f"{name}: {text}" if several else text for name, texts in by_runtime.items() for text in texts]


def _properties(variant: Variant, found: Mapping[str, Found]) -> dict[str, Any]:
    """Return what the devices' own runtime, the first one, was found to do."""
    properties: dict[str, Any] = {"variant": variant.id}
    for one in list(found.values())[:1]:
        seen = one.parity
        properties |= {"runtime": one.runtime, "p50_ms": one.p50_ms, "p95_ms": one.p95_ms, "memory_mb": one.memory_mb}
        properties |= {"max_diff": seen.max_diff, "flipped": seen.flipped, "pictures": seen.total}
        properties |= {"flipped_parts": list(seen.parts)}
    return properties


def _try(trial: Trial, python: str, expected: str, scratch: Path) -> Found:
    """Ask one runtime: self-test, test pictures, time and memory."""
    bundle, variant = trial.folder, trial.variant
    if expected and not Path(python).is_file():
        raise ConfigError(f"infra_validator.runtimes.{expected}: {python} is not there; name its environment's Python")
    tested = _program(python, "edge_agent.install.selftest", "--bundle", str(bundle.folder), "--variant", variant.id)
    runtime = str(tested.get("runtime", ""))
    if expected and runtime and not runtime.startswith(expected):
        raise ConfigError(f"infra_validator.runtimes.{expected}: {python} has {runtime}; name another environment")
    selftest = "" if tested.get("ok") else str(tested.get("reason", "no reason given"))
    operators = _operators(trial, runtime or expected) if selftest else ()
    if not len(trial.inputs) or operators:
        return Found(runtime, selftest, operators)
    np.save(scratch / "inputs.npy", trial.inputs)
    request = {"model": str(bundle.path(variant.blob)), "threads": trial.threads, "repeat": _REPEAT}
    request |= {"inputs": str(scratch / "inputs.npy"), "outputs": str(scratch / "outputs.npz")}
    answer = _program(python, "edge_agent.inference.child", text=json.dumps(request) + "\n")
    if not answer.get("ok"):
        return Found(runtime, selftest or f"it does not run: {answer.get('reason', 'no reason given')}")
    with np.load(scratch / "outputs.npz", allow_pickle=False) as outputs:
        device = defect_probability(probabilities(outputs["logits"], variant.temperature))
    speed = {name: float(answer[name]) for name in ("p50_ms", "p95_ms", "memory_mb")}
    return Found(str(answer["runtime"]), selftest, (), parity(device, trial.source, trial.parts), **speed)


def _operators(trial: Trial, runtime: str) -> tuple[str, ...]:
    """Name the operators for which a runtime cannot run the graph, read from the file's bytes."""
    from converter.flatbuffer import read_graph
    from converter.targets import TARGETS, op_problems

    name = next((one for one in TARGETS if one.startswith(runtime.split(" ")[0])), "ai-edge-litert-2")
    try:
        graph = read_graph(trial.folder.path(trial.variant.blob).read_bytes())
    except Rejected:
        return ()
    return tuple(op_problems(graph, TARGETS[name]))


def _test_inputs(manifest: Manifest, examples: Path) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Return pictures or rows of the test split as the graph takes them, and their parts."""
    if isinstance(manifest.input, RowContract):
        from trainer.tabular.contract import inputs_of
        from trainer.tabular.examples import read_split
        from trainer.tabular.values import PART

        table = read_split(examples, "test")
        return inputs_of(table, manifest.input)[:_PICTURES], tuple(map(str, table.texts[PART][:_PICTURES]))
    _, height, width, channels = manifest.input.shape
    found = pictures(examples, "test", (height, width, channels))
    return found.images[:_PICTURES], found.texts("part")[:_PICTURES]


def _source(model: Path, images: npt.NDArray[Any], variant: Variant) -> Floats:
    """Ask the SavedModel, picture by picture (or row by row), as it was exported; probabilities of a defect (n,)."""
    if not len(images):
        return np.zeros(0)
    import tensorflow as tf

    signature = tf.saved_model.load(str(model / "saved_model")).signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    answers = [signature(**{name: tf.constant(image[None], tf.float32)})["logits"].numpy() for image in images]
    return defect_probability(probabilities(np.concatenate(answers), variant.temperature))


def _program(python: str, module: str, *arguments: str, text: str = "") -> dict[str, Any]:
    """Run the device's program; its last line is one JSON object. A crash is an answer, too."""
    command = python_program(module, *arguments, python=python)
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"ok": False, "reason": f"no answer within {_TIMEOUT_S:.0f} s"}
    except (IndexError, ValueError):
        return {"ok": False, "reason": f"it exited with {done.returncode}: {done.stderr.strip()[-300:]}"}
    return answer if isinstance(answer, dict) else {"ok": False, "reason": "it answered something else"}
