"""The files of an evaluation and of a blessing: the same for every kind of data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.beam.tfma_metrics import analyse
from trainer.evaluation.answers import Answers
from trainer.evaluation.plain import finite
from trainer.evaluation.verdict import Candidate, Conclusion

METRICS = "metrics.json"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"


def slices_by_tfma(test: Answers, folder: Path) -> dict[str, dict[str, float]]:
    """Return TFMA's metrics of the test pictures or rows, overall and by the attributes that differ.

    TFMA's own files are written to `folder`.
    """
    differing = {name: values for name, values in test.attributes.items() if len(set(values)) > 1}
    named = {name: [value or "unknown" for value in values] for name, values in differing.items()}
    return analyse(test.scores, test.labels > 0, named, folder)


def write_outcome(
    model: str, judged: Candidate, found: Conclusion, more: Mapping[str, Any], evaluation: Path, blessing: Path
) -> dict[str, Any]:
    """Write `metrics.json` (with `more` in it), `predictions.json`, and the blessing's file, which names the `model`.

    Returns the properties of both artifacts.
    """
    metrics = finite({**found.metrics, **more})
    (evaluation / METRICS).write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    judged.predictions.write(evaluation)
    blessed = found.decision.blessed
    (blessing / (BLESSED if blessed else NOT_BLESSED)).write_text(f"{model}\n", encoding="utf-8")
    short = {name: value for name, value in finite(asdict(found.measured)).items() if value is not None}
    said = list(found.decision.reasons or found.metrics["remarks"])
    return {"evaluation": short, "blessing": {"blessed": int(blessed), "reasons": said}}
