"""What the page says of the evaluation: figures, charts, slices, and the worst errors."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.evaluation.answers import FILE, read_predictions
from trainer.evaluation.rates import rates
from trainer.pipeline.step import Artifact
from trainer.reports.charts import strip
from trainer.reports.curves import reliability, roc_points, threshold_curves
from trainer.reports.forest import forest_plot, forest_rows
from trainer.reports.plots import reliability_chart, roc_chart, threshold_chart

_KINDS = {".jpg": "jpeg", ".png": "png"}


def evaluation_section(evaluation: Artifact, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template shows of a ModelEvaluation and its `metrics.json`."""
    scored = [(float(score), bool(defective)) for _, score, defective in metrics["part_scores"]]
    pair, policy = metrics["thresholds"], metrics["policy"]
    worst = [{**one, "data": picture(evaluation.path / one["file"])} for one in metrics.get("worst", [])]
    pictures = _scored_pictures(evaluation.path)
    curves = threshold_curves(scored, pair["reject_above"], policy["confidence"]) if scored else None
    target = (pair["accept_below"], pair["reject_above"], policy["escape_rate"])
    return {
        "metrics": metrics,
        "thresholds": threshold_chart(curves, *target) if curves else "",
        "strip": strip(scored, pair["accept_below"], pair["reject_above"]) if scored else "",
        "roc": roc_chart(roc_points(scored), _operating_points(scored, pair)),
        "reliability": reliability_chart(reliability(pictures)),
        "forest": forest_plot(forest_rows(metrics)) if metrics["part"]["auroc"] is not None else "",
        "largest": max((max(row) for row in metrics["confusion"]), default=0) or 1,
        "missed": [one for one in worst if one["kind"] == "missed"],
        "alarms": [one for one in worst if one["kind"] == "false alarm"],
    }


def _scored_pictures(folder: Path) -> list[tuple[float, bool]]:
    if not (folder / FILE).is_file():
        return []
    test = read_predictions(folder).test
    return list(zip(test.scores.tolist(), (test.labels > 0).tolist(), strict=True))


def _operating_points(
    scored: list[tuple[float, bool]], pair: Mapping[str, Any]
) -> list[tuple[tuple[float, float], str]]:
    import numpy as np

    scores = np.asarray([score for score, _ in scored], np.float64)
    defective = np.asarray([kind for _, kind in scored], bool)
    found = []
    for key, text in (("accept_below", "stopped or seen by a person"), ("reject_above", "rejected")):
        at = rates(scores, defective, pair[key], pair[key])
        found.append(((at.overkill, at.recall), text))
    return found


def picture(path: Path) -> str:
    """Return a picture as a data URL."""
    kind = _KINDS[path.suffix]
    return f"data:image/{kind};base64," + base64.b64encode(path.read_bytes()).decode()
