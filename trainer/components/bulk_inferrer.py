"""BulkInferrer: the blessed bundle predicts a folder or table of its own; the step is there when settings name one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.pipeline.step import Context

NAME = "predictions"


def bulk_inferrer(
    bundle: Path,
    blessing: Path,
    infra_blessing: Path,
    inference_result: Path,
    content: str,
    format: str,
    max_bad: float,
    delimiter: str,
    data: str,
    context: Context,
) -> dict[str, Any]:
    """Write `predictions.<format>` and, where something was bad, `predictions.<format>.bad.csv`.

    `content` names what lies at `data`, so that changed pictures are predicted again; `delimiter` parts the cells of a
    CSV of rows. Both blessings are inputs because a step whose blessing was refused is not run. A killed step goes on
    after its last finished batch.
    """
    from trainer.predictions.job import Wishes, predict
    from trainer.predictions.scoring import open_model

    out = inference_result / f"{NAME}.{format}"
    model = open_model(bundle)
    wishes = Wishes(max_bad=max_bad, delimiter=delimiter, allowed_by="bulk_inferrer.max_bad", keeps_list=False)
    made = predict(model, Path(data), out, context.scratch / "batches", wishes, context.progress)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in made["verdicts"].items())
    reasons = [f"{made['parts']} parts: {verdicts}", *([f"{made['bad']} bad"] if made["bad"] else [])]
    kind = "rows" if "rows" in made else "pictures"
    return {"inference_result": {kind: made[kind], "bad": made["bad"], "reasons": reasons}}
