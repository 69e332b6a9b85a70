"""The page of a run, one file that needs nothing from any network."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edge_agent.contracts.bundle import BundleFolder
from trainer.evaluation.released import Override, read_override
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.runs import RunRecord
from trainer.pipeline.step import Artifact, Known
from trainer.reports.card import card_html
from trainer.reports.charts import Mark, Series, histogram, line_chart
from trainer.reports.data import data_counts, quality_histograms, rows_of
from trainer.reports.evaluation import evaluation_section
from trainer.reports.headline import Headline, Refusals, headline
from trainer.reports.rendering import environment
from trainer.reports.run_statistics import write_page


def write_report(record: RunRecord, known: Known, lineage: list[str], target: Path) -> None:
    """Write the page of a run from what its steps made; what was not made is left out."""
    override = _override(known.get("Evaluator.blessing"))
    page = (
        environment()
        .get_template("report.html")
        .render(
            record=record,
            started=datetime.fromtimestamp(record.started_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
            total=sum(step.seconds for step in record.steps),
            longest=max((step.seconds for step in record.steps), default=0) or 1,
            data=_data(known),
            training=_training(known.get("Trainer.model")),
            head=_headline(known, override),
            evaluation=_evaluation(known.get("Evaluator.evaluation")),
            override=override,
            infra=known.get("InfraValidator.blessing"),
            bundle=_bundle(known.get("Converter.bundle")),
            lineage=lineage,
        )
    )
    statistics = known.get("StatisticsGen.statistics")
    if statistics is not None:
        write_page(statistics.path, f"{record.pipeline} · data of run {record.run}", target.parent)
    write_atomically(target, page.encode())


def _headline(known: Known, override: Override | None) -> Headline:
    data, evaluation = known.get("ExampleValidator.anomalies"), known.get("Evaluator.evaluation")
    infra, metrics = known.get("InfraValidator.blessing"), _json(evaluation, "metrics.json") if evaluation else None
    refusals = Refusals(
        data.reasons if data is not None and not data.blessed else (),
        metrics["reasons"] if metrics and not metrics["blessed"] else (),
        infra.reasons if infra is not None and not infra.blessed else (),
    )
    return headline(metrics, refusals, override)


def _data(known: Known) -> dict[str, Any] | None:
    examples = known.get("ExampleGen.examples")
    if examples is None:
        return None
    anomalies = known.get("ExampleValidator.anomalies")
    statistics = known.get("StatisticsGen.statistics")
    report = _json(anomalies, "anomalies.json") if anomalies else {"blocking": [], "warnings": []}
    found = quality_histograms(statistics.path) if statistics else {}
    parts, table = _json(examples, "parts.json"), not (examples.path / "pictures.json").is_file()
    rows = rows_of(parts) if table else _json(examples, "pictures.json")
    return {
        "counts": data_counts(parts, rows),
        "leaks": _json(examples, "leaks.json")["counts"] if (examples.path / "leaks.json").is_file() else {},
        "quarantine": _json(examples, "quarantine.json"),
        "properties": examples.properties,
        "anomalies": report,
        "table": table,
        "quality": {name: histogram(groups) for name, groups in found.items()},
    }


def _training(model: Artifact | None) -> dict[str, Any] | None:
    if model is None:
        return None
    history = _json(model, "training.json")
    losses = tuple((e["number"], e["loss"]) for e in history["epochs"])
    scores = tuple((e["number"], e["auroc"]) for e in history["epochs"] if e["auroc"] is not None)
    best = [Mark(history["best_epoch"], "best")]
    return {
        "loss": line_chart([Series("loss", losses, "var(--accent)")], "epoch", best),
        "auroc": line_chart([Series("AUROC per part, eval split", scores, "var(--busy)")], "epoch", best, 1.0),
        "best_epoch": history["best_epoch"],
        "epochs": len(history["epochs"]),
        "warm_start": history["warm_start"],
    }


def _evaluation(evaluation: Artifact | None) -> dict[str, Any] | None:
    return None if evaluation is None else evaluation_section(evaluation, _json(evaluation, "metrics.json"))


def _bundle(bundle: Artifact | None) -> dict[str, Any] | None:
    if bundle is None:
        return None
    folder = BundleFolder(bundle.path)
    card = folder.read(folder.open().documents["model_card"]).decode()
    return {**bundle.properties, "rows": json.loads(bundle.properties["variants"]), "card": card_html(card)}


def _override(blessing: Artifact | None) -> Override | None:
    return None if blessing is None else read_override(blessing.path)


def _json(artifact: Artifact, name: str) -> Any:
    return json.loads((artifact.path / name).read_text(encoding="utf-8"))
