"""The whole way from a trained model to a bundle: load, lint, convert, judge, choose, pack.

TensorFlow runs in child processes only, so a caller need not have imported it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from converter.bench import REPEAT, this_device_class
from converter.calibration import leakage, lint, representative
from converter.choose import Candidate, choose
from converter.confidence import Cost
from converter.contents import Evidence, write_bundle
from converter.evaluate import Truth, label_indices
from converter.formats.tflite import VARIANTS
from converter.gates import Limits
from converter.pack import Release, write_archive
from converter.pictures import Item, input_shape, list_items, set_digest, write_inputs
from converter.provenance import sources_of
from converter.report import NothingPassed, VariantReport
from converter.targets import DEFAULT_TARGET, TARGETS
from converter.variants import Place, Question, judge, judge_other, make, scores_of
from converter.workplace import workplace
from converter.workshop import Answer, Job, Workshop
from edge_agent.contracts.bundle import Sources
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.recipe import Recipe

Progress = Callable[[float, str], None]
"""Called with the share done (0..1) and what is being done."""

_READ, _LOADED, _MADE, _JUDGED = 0.1, 0.45, 0.7, 0.95


def silent(share: float, text: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Options:
    """How to convert. `release` is the caller's; `sources` says what the model was made of, else it is derived.

    With `cost`, the thresholds of least cost are taken. `remarks` stand in the model card under what it promises.
    """

    variants: tuple[str, ...] = VARIANTS
    tfjs: bool = False
    onnx: bool = False
    name: str | None = None
    version: str = "v1"
    release: int = 1
    target: str = DEFAULT_TARGET
    threads: int = 1
    repeat: int = REPEAT
    force: bool = False
    limits: Limits = field(default_factory=Limits)
    sources: Sources | None = None
    device_class: str | None = None
    cost: Cost | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """The finished bundle, and what became of each requested variant."""

    bundle: Path
    bundle_id: str
    archive: Path
    chosen: str
    why: str
    variants: tuple[VariantReport, ...]
    rows: tuple[dict[str, Any], ...]

    @property
    def complete(self) -> bool:
        """False where a requested variant failed for another reason than a gate."""
        return all(variant.status != "failed" for variant in self.variants)


def convert(
    model: Path,
    recipe: Recipe,
    calibration: Path,
    test: Path,
    out: Path,
    options: Options | None = None,
    progress: Progress = silent,
) -> Conversion:
    """Convert `model` (`.keras` file or SavedModel folder) and write `out/bundle` and `out/<name>-<version>.lineside`.

    `calibration` (training pictures) and `test` (held-out pictures) are folders with `labels.csv`, or such CSV files.
    Raises Rejected for a bad model or bad pictures, NothingPassed where no variant is good enough, ConfigError for
    wrong arguments, Unavailable where space or memory lack.
    """
    options = options or Options()
    _check(model, recipe, options)
    with workplace(out) as work:
        return _convert(model, recipe, list_items(calibration), list_items(test), out, work, options, progress)


def _check(model: Path, recipe: Recipe, options: Options) -> None:
    unknown = set(options.variants) - set(VARIANTS)
    if unknown or not options.variants:
        raise ConfigError(f"variant '{min(unknown, default='')}' is unknown; choose from {', '.join(VARIANTS)}")
    if options.target not in TARGETS:
        raise ConfigError(f"target '{options.target}' is unknown; choose from {', '.join(TARGETS)}")
    if recipe.task != "vision":
        raise ConfigError(f"recipe '{recipe.name}' is for {recipe.task}; 'trainer pipeline run' converts such models")
    if model.suffix == ".onnx":
        raise ConfigError(f"{model}: ONNX cannot be the source here; export a Keras file or a SavedModel instead")
    if not model.is_file() and not (model / "saved_model.pb").is_file():
        raise ConfigError(f"{model}: neither a .keras file nor a SavedModel folder")


def _convert(
    model: Path,
    recipe: Recipe,
    calibration: list[Item],
    test: list[Item],
    out: Path,
    work: Path,
    options: Options,
    progress: Progress,
) -> Conversion:
    truth = _truth(calibration, test, recipe)
    place = Place(work)
    with Workshop(work / "log") as workshop:
        chosen_items = [calibration[k] for k in representative(calibration)]
        write_inputs(test, recipe, place.test, lambda k, n: progress(_READ * k / n, "reading pictures"))
        pictures = write_inputs(chosen_items, recipe, place.calibration)
        progress(_READ, "loading the model")
        rescaling = load(workshop, model, place, input_shape(recipe), recipe.labels.names)
        findings = lint(chosen_items, pictures, recipe.labels.names, rescaling)
        forced = [f for f in findings if options.force and f.forcible]
        stopping = [f for f in findings if f not in forced]
        others = [kind for kind, wanted in (("tfjs", options.tfjs), ("onnx", options.onnx)) if wanted]
        step = Steps(progress, _LOADED, _MADE, len(options.variants) + len(others), "converting, done: ")
        answers = make(workshop, place, options.variants, others, stopping, step.done)
    question = question_of(place, truth, recipe, options)
    source = question.source
    reports = judge_all(place, answers, question, options.variants, progress)
    reports += [judge_other(place, kind, answers[kind], question) for kind in ("tfjs", "onnx") if kind in others]
    given = (options.device_class, options.cost, options.remarks)
    evidence = Evidence(recipe, test, truth, source, tuple(reports), tuple(forced), work, *given)
    sources = options.sources or sources_of(model, set_digest([*calibration, *test]))
    release = Release(options.name or recipe.name, options.version, options.release, sources)
    return finish(out, evidence, release, progress, set_digest(chosen_items))


def question_of(place: Place, truth: Truth, recipe: Recipe, options: Options) -> Question:
    """Return what every variant is judged by: the truth, and what the source model answered."""
    with np.load(place.source, allow_pickle=False) as file:
        source = scores_of(dict(file))
    target = TARGETS[options.target]
    return Question(truth, source, recipe, options.limits, target, options.threads, options.repeat, options.cost)


def judge_all(
    place: Place, answers: Mapping[str, Answer], question: Question, variants: Sequence[str], progress: Progress
) -> list[VariantReport]:
    """Return the report on each TFLite variant."""
    step = Steps(progress, _MADE, _JUDGED, len(variants), "measured ")
    return [step.after(v, judge(place, v, answers[v], question)) for v in variants]


def _truth(calibration: Sequence[Item], test: Sequence[Item], recipe: Recipe) -> Truth:
    """Return the held-out labels. Raises Rejected for none, for unknown ones, and for pictures in both sets."""
    if not test:
        raise Rejected("EMPTY_TEST: no held-out pictures, so nothing can be measured; give a folder with labels.csv")
    labels = label_indices([item.label for item in test], recipe.labels.names)
    if (labels < 0).any():
        item = test[int(np.argmin(labels))]
        raise Rejected(f"{item.path}: label '{item.label}' is not one of {', '.join(recipe.labels.names)}; correct it")
    leak = leakage(calibration, test)
    if leak:
        raise Rejected(str(leak))
    return Truth(labels, tuple(item.part for item in test))


def load(workshop: Workshop, model: Path, place: Place, shape: tuple[int, ...], labels: Sequence[str]) -> bool | None:
    """Load and export the source model in a child and ask it; say whether it rescales its input (None = unknown).

    Raises Rejected for a model that does not fit.
    """
    fields = {"model": str(model), "export": str(place.export), "inputs": str(place.test)}
    fields |= {"outputs": str(place.source)}
    job = Job("load", "load", {**fields, "shape": shape, "labels": list(labels)})
    answer = workshop.run([job])["load"]
    if not answer.ok:
        code = "" if answer.code == "REJECTED" else f"{answer.code}: "
        raise Rejected(f"{model}: {code}{answer.reason}")
    rescaling: bool | None = answer.fields["rescaling"]
    return rescaling


@dataclass
class Steps:
    """Progress of like steps between two shares."""

    progress: Progress
    start: float
    end: float
    count: int
    text: str
    finished: int = 0

    def done(self, name: str) -> None:
        """Report that the step `name` is done."""
        self.finished += 1
        self.progress(self.start + (self.end - self.start) * self.finished / self.count, self.text + name)

    def after(self, name: str, report: VariantReport) -> VariantReport:
        """Report that the step `name` is done, and hand its result on."""
        self.done(name)
        return report


def finish(out: Path, evidence: Evidence, release: Release, progress: Progress, calibration: str) -> Conversion:
    """Choose a variant and write bundle and archive. Raises NothingPassed where none passed every gate."""
    candidates = [
        Candidate(
            report.id,
            report.status == "passed",
            report.run.p50_ms if report.run else None,
            report.size,
            report.run.delegated_partitions if report.run else 0,
        )
        for report in evidence.reports
    ]
    choice = choose(candidates)
    if choice is None:
        raise NothingPassed(list(evidence.reports))
    progress(_JUDGED, "packing")
    device_class = evidence.device_class or this_device_class()
    bundle = write_bundle(out / "bundle", release, evidence, choice, device_class, calibration)
    archive = write_archive(bundle, release.name, release.version)
    progress(1.0, "done")
    rows = tuple(report.row() for report in evidence.reports)
    return Conversion(bundle.folder, bundle.id, archive, choice.id, choice.why, evidence.reports, rows)
