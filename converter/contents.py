"""Puts together what a bundle holds, from the reports on its variants and the held-out pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from converter.baseline import build_baseline, measure_pictures
from converter.calibration import Finding
from converter.card import model_card
from converter.choose import Choice
from converter.confidence import Cost
from converter.evaluate import Truth, Worth, assess
from converter.formats.tflite import INTEGER
from converter.golden import candidates, pick, sensitivity, to_png
from converter.pack import GoldenPicture, Release, pack
from converter.pictures import read_picture
from converter.provenance import environment
from converter.report import VariantReport
from edge_agent.contracts.bundle import Blob, BundleFolder, Measurement, OutputContract, Variant
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.recipe import Recipe
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.scores import Floats, probabilities

_NO_BLOB = Blob(digest="0" * 64, size=0)


class Kind(Protocol):
    """What a bundle holds of another kind of data than pictures."""

    @property
    def row(self) -> RowContract:
        """The input contract."""

    def golden(self, evidence: Evidence, chosen: str, temperatures: dict[str, float]) -> list[GoldenPicture]:
        """Return the self-test."""

    def baseline(self, evidence: Evidence, chosen: str) -> Any:
        """Return what production is compared with."""


@dataclass(frozen=True)
class Evidence:
    """Held-out pictures (`Item`), what the source model said to them, and the report on each variant.

    With a `kind` they are no pictures but what that kind consists of.
    """

    recipe: Recipe
    test: Sequence[Any]
    truth: Truth
    source: Floats
    reports: tuple[VariantReport, ...]
    forced: tuple[Finding, ...]
    work: Path
    device_class: str | None = None
    cost: Cost | None = None
    remarks: tuple[str, ...] = ()
    kind: Kind | None = None

    def report(self, variant: str) -> VariantReport:
        """Return one variant's report."""
        return next(report for report in self.reports if report.id == variant)

    def scores(self, variant: str) -> dict[str, npt.NDArray[np.float32]]:
        """Return what the edge runtime answered, for every `stride`-th picture."""
        run = self.report(variant).run
        return run.scores if run else {}


def write_bundle(
    target: Path, release: Release, evidence: Evidence, choice: Choice, device_class: str, calibration: str
) -> BundleFolder:
    """Write the bundle of all variants that passed."""
    source = assess(evidence.source, evidence.source, evidence.truth, evidence.recipe, evidence.cost)
    passed = [report for report in evidence.reports if report.status == "passed"]
    variants = [(_variant(r, source, device_class, calibration), _content(r)) for r in passed]
    answers, kind = evidence.scores(choice.id), evidence.kind
    temperatures = {v.id: v.temperature for v, _ in variants}
    return pack(
        target,
        release,
        evidence.recipe,
        _output(evidence.recipe, answers),
        variants,
        choice.id,
        {device_class: choice.id},
        (kind.golden if kind else golden_pictures)(evidence, choice.id, temperatures),
        {
            "baseline": canonical_json((kind.baseline if kind else _baseline)(evidence, choice.id)),
            "evaluation": canonical_json(_evaluation(evidence, choice, source)),
            "labels": canonical_json({"labels": list(evidence.recipe.labels.names)}),
            "model_card": _card(release, evidence, choice).encode(),
        },
        kind.row if kind else None,
    )


def _card(release: Release, evidence: Evidence, choice: Choice) -> str:
    return model_card(release, evidence.recipe, evidence.reports, choice.why, evidence.forced, evidence.remarks)


def _content(report: VariantReport) -> bytes:
    assert report.path is not None
    return report.path.read_bytes()


def _output(recipe: Recipe, answers: dict[str, npt.NDArray[np.float32]]) -> OutputContract:
    heatmap, embedding = answers.get("heatmap"), answers.get("embedding")
    return OutputContract(
        labels=recipe.labels.names,
        heatmap=None if heatmap is None else (heatmap.shape[1], heatmap.shape[2]),
        embedding=None if embedding is None else embedding.shape[1],
    )


def _variant(report: VariantReport, source: Worth, device_class: str, calibration: str) -> Variant:
    """Return the manifest's entry; what cannot be run here takes temperature and thresholds of the source model."""
    worth = report.worth or source
    return Variant(
        id=report.id,
        format=report.format,
        blob=_NO_BLOB,
        ops=report.ops,
        min_runtime=report.min_runtime,
        calibration_set=calibration if report.id in INTEGER else None,
        parity=report.worth.parity if report.worth else None,
        accuracy=report.worth.accuracy if report.worth else None,
        recall=report.worth.recall if report.worth else None,
        temperature=worth.temperature,
        thresholds=worth.thresholds,
        measured=_measured(report, device_class),
    )


def _measured(report: VariantReport, device_class: str) -> tuple[Measurement, ...]:
    run = report.run
    if run is None or run.p50_ms is None or run.p95_ms is None:
        return ()
    return (
        Measurement(
            device_class=device_class,
            runtime=run.runtime,
            threads=run.threads,
            p50_ms=run.p50_ms,
            p95_ms=run.p95_ms,
            memory_mb=run.memory_mb,
        ),
    )


def scored_by_all(
    evidence: Evidence, variants: Sequence[str]
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, int], list[int]]:
    """Return each variant's logits and stride, and the places of the test data that all of them scored."""
    scored = {v: evidence.scores(v)["logits"] for v in variants if evidence.scores(v)}
    strides = {v: _stride(evidence.report(v)) for v in scored}
    step = int(np.lcm.reduce(list(strides.values())))
    return scored, strides, list(range(0, len(evidence.test), step))


def golden_pictures(evidence: Evidence, chosen: str, temperatures: dict[str, float]) -> list[GoldenPicture]:
    """Return the self-test: pictures that every variant scored, those most sensitive to wrong preparation."""
    scored, strides, places = scored_by_all(evidence, list(temperatures))
    mine = scored[chosen][[place // strides[chosen] for place in places]]
    kept = candidates(evidence.truth.labels[places], np.argmax(mine, axis=1))
    places, mine = [places[k] for k in kept], mine[kept]
    path = evidence.report(chosen).path
    assert path is not None
    items = [evidence.test[place] for place in places]
    moved = sensitivity(path, items, mine, temperatures[chosen], evidence.recipe, evidence.work)
    picked = pick([item.label or "" for item in items], moved.tolist())
    return [_golden(evidence, number, places[k], scored, strides, temperatures) for number, k in enumerate(picked, 1)]


def _golden(
    evidence: Evidence,
    number: int,
    place: int,
    scored: dict[str, npt.NDArray[np.float32]],
    strides: dict[str, int],
    temperatures: dict[str, float],
) -> GoldenPicture:
    item = evidence.test[place]
    expected = expected_at(place, scored, strides, temperatures)
    label = item.label or ""
    return GoldenPicture(f"{number:02d}-{label}", to_png(read_picture(item, evidence.recipe)), label, expected)


def expected_at(
    place: int, scored: dict[str, npt.NDArray[np.float32]], strides: dict[str, int], temperatures: dict[str, float]
) -> dict[str, tuple[float, ...]]:
    """Return what each variant answered at a place of the test data, as calibrated probabilities."""
    return {
        variant: tuple(float(p) for p in probabilities(logits[place // strides[variant]], temperatures[variant]))
        for variant, logits in scored.items()
    }


def _stride(report: VariantReport) -> int:
    return report.run.stride if report.run else 1


def _baseline(evidence: Evidence, chosen: str) -> Any:
    answers, stride = evidence.scores(chosen), _stride(evidence.report(chosen))
    worth = evidence.report(chosen).worth
    assert worth is not None
    pictures = np.load(evidence.work / "test.npy", mmap_mode="r", allow_pickle=False)[::stride]
    calibrated = probabilities(answers["logits"], worth.temperature)
    names, values = measure_pictures(pictures, calibrated, answers.get("embedding"))
    recipe, parts = evidence.recipe, evidence.truth.every(stride).parts
    return build_baseline(names, values, parts, recipe.labels.names, recipe.monitoring.window_parts)


def _evaluation(evidence: Evidence, choice: Choice, source: Worth) -> dict[str, Any]:
    """Return the report for people and machines: every requested variant, those that did not pass included."""
    rows = [report.row() | {"worth": _plain(report.worth)} for report in evidence.reports]
    return {
        "chosen": choice.id,
        "why": choice.why,
        "variants": rows,
        "source": _plain(source),
        "forced": [str(finding) for finding in evidence.forced],
        "pictures": len(evidence.test),
        "parts": len(set(evidence.truth.parts)),
        "environment": environment(),
    }


def _plain(worth: Worth | None) -> dict[str, Any] | None:
    if worth is None:
        return None
    return {
        "parity": worth.parity.model_dump(),
        "accuracy": worth.accuracy.model_dump(),
        "recall": worth.recall.model_dump(),
        "temperature": worth.temperature,
        "calibration_error": worth.calibration_error,
        "thresholds": worth.thresholds.model_dump(),
    }
