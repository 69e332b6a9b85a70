"""InfraValidator: the chosen variant in the device's own runtime, in its own process, before anything is pushed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import BundleFolder, Manifest, Variant
from edge_agent.contracts.program import python_program
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import defect_probability, probabilities
from trainer.components.examples import pictures
from trainer.pipeline.step import Context

BLESSED, NOT_BLESSED = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
_PICTURES = 32
_REPEAT = 30
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Found:
    """What the device's runtime said: self-test, latency in ms, and how its answers compare with the source model's.

    `flipped` pictures are defective for one and good for the other, at a probability of one half.
    """

    selftest: str
    runtime: str
    p50_ms: float
    max_diff: float
    flipped: int
    pictures: int


def infra_validator(
    bundle: Path,
    model: Path,
    examples: Path,
    blessing: Path,
    p50_ms: float,
    flipped_max: float,
    threads: int,
    context: Context,
) -> dict[str, Any]:
    """Load the chosen variant in the edge runtime, run the golden pictures and the test pictures, and time it.

    Not blessed when the self-test fails, too many answers flip, or the median is slower than `p50_ms`.
    """
    folder = BundleFolder(bundle)
    manifest = folder.open()
    variant = next(one for one in manifest.variants if one.id == manifest.chosen)
    reasons: list[str] = []
    details: dict[str, Any] = {"variant": variant.id}
    if variant.format == "tflite":
        context.progress(f"{variant.id} in the edge runtime", None)
        found = _try(folder, manifest, variant, model, examples, threads, context.scratch)
        reasons = problems(found, p50_ms, flipped_max) if isinstance(found, Found) else [found]
        if isinstance(found, Found):
            details |= {"runtime": found.runtime, "p50_ms": found.p50_ms, "max_diff": found.max_diff}
            details |= {"flipped": found.flipped, "pictures": found.pictures}
    (blessing / (NOT_BLESSED if reasons else BLESSED)).write_text(f"{bundle.name}\n", encoding="utf-8")
    (blessing / "report.json").write_text(json.dumps({**details, "reasons": reasons}, indent=1), encoding="utf-8")
    return {"blessing": {**details, "blessed": int(not reasons), "reasons": reasons}}


def problems(found: Found, p50_ms: float, flipped_max: float) -> list[str]:
    """Say what speaks against the variant; an empty list blesses it."""
    reasons = [f"self-test failed: {found.selftest}"] if found.selftest else []
    if found.flipped > flipped_max * found.pictures:
        flips = f"{found.flipped} of {found.pictures} test pictures change sides"
        reasons.append(f"parity: {flips} (largest difference {found.max_diff:.3f}); convert another variant")
    if found.p50_ms > p50_ms:
        reasons.append(f"latency: median {found.p50_ms:.1f} ms, allowed {p50_ms:.1f} ms; choose a smaller network")
    return reasons


def _try(
    folder: BundleFolder, manifest: Manifest, variant: Variant, model: Path, examples: Path, threads: int, scratch: Path
) -> Found | str:
    """Return what was found, or why the runtime gave no answer at all."""
    tested = _program("edge_agent.install.selftest", "--bundle", str(folder.folder), "--variant", variant.id)
    images = _test_inputs(manifest, examples)
    selftest = "" if tested.get("ok") else str(tested.get("reason", "no reason given"))
    if not len(images):
        return Found(selftest, str(tested.get("runtime", "")), 0.0, 0.0, 0, 0)
    np.save(scratch / "inputs.npy", images)
    request = {
        "model": str(folder.path(variant.blob)),
        "inputs": str(scratch / "inputs.npy"),
        "outputs": str(scratch / "outputs.npz"),
        "threads": threads,
        "repeat": _REPEAT,
    }
    answer = _program("edge_agent.inference.child", text=json.dumps(request) + "\n")
    if not answer.get("ok"):
        return f"the edge runtime does not run {variant.id}: {answer.get('reason', 'no reason given')}"
    with np.load(scratch / "outputs.npz", allow_pickle=False) as outputs:
        device = defect_probability(probabilities(outputs["logits"], variant.temperature))
    source = defect_probability(probabilities(_source_logits(model, images), variant.temperature))
    flipped = int(((device >= 0.5) != (source >= 0.5)).sum())
    difference = float(np.abs(device - source).max())
    return Found(selftest, str(answer["runtime"]), float(answer["p50_ms"]), difference, flipped, len(images))


def _test_inputs(manifest: Manifest, examples: Path) -> npt.NDArray[Any]:
    """Return pictures or rows of the test split as the graph takes them."""
    if isinstance(manifest.input, RowContract):
        from trainer.tabular.contract import inputs_of
        from trainer.tabular.examples import read_split

        return inputs_of(read_split(examples, "test"), manifest.input)[:_PICTURES]
    _, height, width, channels = manifest.input.shape
    return pictures(examples, "test", (height, width, channels)).images[:_PICTURES]


def _source_logits(model: Path, images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Ask the SavedModel, picture by picture (or row by row), as it was exported."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(model / "saved_model")).signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]
    answers = [signature(**{name: tf.constant(image[None], tf.float32)})["logits"].numpy() for image in images]
    return np.concatenate(answers)


def _program(module: str, *arguments: str, text: str = "") -> dict[str, Any]:
    """Run the device's program; its last line is one JSON object. A crash is an answer, too."""
    command = python_program(module, *arguments)
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"ok": False, "reason": f"no answer within {_TIMEOUT_S:.0f} s"}
    except (IndexError, ValueError):
        return {"ok": False, "reason": f"it exited with {done.returncode}: {done.stderr.strip()[-300:]}"}
    return answer if isinstance(answer, dict) else {"ok": False, "reason": "it answered something else"}
