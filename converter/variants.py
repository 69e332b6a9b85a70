"""Makes the variants in child processes, then looks at, runs and judges each: a failure of one stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from converter.bench import EdgeRun, run_on_edge
from converter.calibration import Finding
from converter.confidence import Cost
from converter.evaluate import Truth, assess
from converter.flatbuffer import read_graph
from converter.formats.tflite import INTEGER
from converter.gates import Limits, failed_gates
from converter.report import VariantReport
from converter.targets import Target, minimal_runtime, not_integer, op_problems
from converter.workshop import Answer, Job, Workshop
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.scores import Floats

_NAMED = 8

Done = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where the files of one conversion lie."""

    folder: Path

    @property
    def export(self) -> Path:
        """SavedModel with batch 1."""
        return self.folder / "export"

    @property
    def test(self) -> Path:
        """Held-out pictures as the graph takes them, uint8 `.npy`."""
        return self.folder / "test.npy"

    @property
    def calibration(self) -> Path:
        """The pictures that integer variants are quantised with, `.npy`."""
        return self.folder / "calibration.npy"

    @property
    def source(self) -> Path:
        """The source model's answers to `test`, `.npz`."""
        return self.folder / "source.npz"

    def model(self, variant: str) -> Path:
        """The variant's file."""
        return self.folder / f"{variant}.model"

    def scores(self, variant: str) -> Path:
        """The variant's answers to `test`, `.npz`."""
        return self.folder / f"{variant}.npz"


@dataclass(frozen=True)
class Question:
    """What every variant is judged by."""

    truth: Truth
    source: Floats
    recipe: Recipe
    limits: Limits
    target: Target
    threads: int
    repeat: int
    cost: Cost | None = None


def make(
    workshop: Workshop,
    place: Place,
    variants: Sequence[str],
    others: Sequence[str],
    findings: Sequence[Finding],
    done: Done,
) -> dict[str, Answer]:
    """Convert to the TFLite `variants` and the `others` (tfjs, onnx) and return each one's answer.

    Integer variants are not even tried where the calibration set is unfit (`findings`).
    """
    refused = {v: _refusal(findings) for v in variants if v in INTEGER and findings}
    jobs = [_tflite_job(place, v) for v in variants if v not in refused] + [_other_job(place, o) for o in others]
    jobs.sort(key=lambda job: job.id not in INTEGER)  # the longest first, so that none is left alone at the end
    return refused | workshop.run(jobs, lambda job, answer: done(job.id))


def _refusal(findings: Sequence[Finding]) -> Answer:
    return Answer(findings[0].code, "; ".join(finding.text for finding in findings), {})


def _tflite_job(place: Place, variant: str) -> Job:
    fields = {"variant": variant, "export": str(place.export), "calibration": str(place.calibration)}
    return Job(variant, "tflite", {**fields, "output": str(place.model(variant))})


def _other_job(place: Place, kind: str) -> Job:
    fields = {"export": str(place.export), "output": str(place.model(kind)), "inputs": str(place.test)}
    return Job(kind, kind, {**fields, "folder": str(place.folder / kind), "scores": str(place.scores(kind))})


def judge(place: Place, variant: str, answer: Answer, question: Question) -> VariantReport:
    """Return the report on a TFLite variant: what it consists of, how it runs on the edge runtime, what it is worth."""
    if not answer.ok:
        return VariantReport(variant, "tflite", "failed", f"{answer.code}: {answer.reason}")
    path = place.model(variant)
    try:
        graph = read_graph(path.read_bytes())
        floats = not_integer(graph, variant) if variant in INTEGER else []
        if floats:
            return VariantReport(variant, "tflite", "failed", f"NOT_INTEGER: {', '.join(floats[:_NAMED])}", path)
        report = VariantReport(variant, "tflite", "passed", "", path, graph.versions, minimal_runtime(graph))
        problems = op_problems(graph, question.target)
        if problems:
            return replace(report, status="rejected", reason="; ".join(problems[:_NAMED]))
        run = run_on_edge(path, place.test, place.scores(variant), question.threads, question.repeat)
        return weigh(report, run.scores["logits"], run, question)
    except (Rejected, Unavailable) as error:
        return VariantReport(variant, "tflite", "failed", str(error).replace(str(path.resolve()), variant), path)


def judge_other(place: Place, kind: Literal["tfjs", "onnx"], answer: Answer, question: Question) -> VariantReport:
    """Return the report on TF.js (not run here: there is no browser) or ONNX (run by onnxruntime)."""
    if not answer.ok:
        return VariantReport(kind, kind, "failed", f"{answer.code}: {answer.reason}")
    report = VariantReport(kind, kind, "passed", "", place.model(kind), answer.fields.get("ops", {}))
    if kind == "tfjs":
        return replace(report, reason="not run here; thresholds are the source model's")
    with np.load(place.scores(kind), allow_pickle=False) as file:
        return weigh(report, scores_of(dict(file)), None, question)


def scores_of(arrays: Mapping[str, npt.NDArray[np.float32]]) -> Floats:
    """Return logits (n, classes) from a graph's answers; probabilities become their logarithms."""
    if "logits" in arrays:
        return np.asarray(arrays["logits"], np.float32)
    return np.asarray(np.log(np.maximum(arrays["probabilities"], 1e-7)), np.float32)


def weigh(report: VariantReport, logits: Floats, run: EdgeRun | None, question: Question) -> VariantReport:
    """Add to the report what the logits are worth, and whether they pass the gates."""
    stride = run.stride if run else 1
    truth, source = question.truth.every(stride), question.source[::stride]
    try:
        worth = assess(logits, source, truth, question.recipe, question.cost)
    except Rejected as error:
        return replace(report, status="rejected", reason=f"NOT_FINITE: {error}", run=run)
    failed = failed_gates(report.id, worth, question.limits)
    reason = "; ".join(failed) or (f"judged on every {stride}th picture, for it is slow" if stride > 1 else "")
    return replace(report, status="rejected" if failed else "passed", reason=reason, worth=worth, run=run)
