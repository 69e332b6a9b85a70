"""A root in which a model was evaluated, made without TensorFlow: real rules on drawn answers, real store and index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from edge_agent.contracts.recipe import Recipe
from trainer.evaluation.answers import Answers
from trainer.evaluation.assessment import cost_of
from trainer.evaluation.plain import finite
from trainer.evaluation.settings import EvaluatorSettings
from trainer.evaluation.verdict import candidate, conclude
from trainer.pipeline.driver import Driver
from trainer.pipeline.index import Entry, Stored
from trainer.pipeline.key import Parts
from trainer.pipeline.runs import RunRecord, Runs, StepRecord

LABELS = ("ok", "pit", "scratch")
RECIPE = Recipe(
    name="tile",
    labels={"good": "ok", "defects": LABELS[1:]},
    thresholds={"escape_rate": 0.05, "confidence": 0.9, "review_share": 0.2},
    views={"count": 2, "combine": "max"},
)


def drawn(parts: int, seed: int, skill: float = 3.0, wrong: int = 0, bad: float = 0.25) -> tuple[Answers, np.ndarray]:
    """Return what is known of the pictures of some parts, two each, and a model's logits to them.

    The parts are the same for every seed and skill; `wrong` of them have another label than they show.
    """
    truth = np.random.default_rng(parts)
    kinds = np.repeat(np.where(truth.random(parts) < bad, truth.integers(1, 3, parts), 0), 2)
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (2 * parts, 3))
    stations = ["A" if n // 2 % 3 else "B" for n in range(2 * parts)]
    logits[np.arange(2 * parts), kinds] += np.where(np.asarray(stations) == "B", 0.6 * skill, skill)
    labels = kinds.copy()
    labels[: 2 * wrong] = np.where(labels[: 2 * wrong] == 0, 1, 0)
    names = tuple(f"images/{n:03d}.png" for n in range(2 * parts))
    digests = tuple(f"{parts * 10000 + n:064x}" for n in range(2 * parts))
    details = {"exposure": [str(n % 2 + 1) for n in range(2 * parts)], "station": stations}
    ids = tuple(f"p{parts}-{n // 2:03d}" for n in range(2 * parts))
    return Answers(ids, labels.astype(np.int64), np.zeros((2 * parts, 3)), names, digests, details), logits


def evaluated(
    root: Path,
    run: str = "20260101-000000",
    skill: float = 3.0,
    seed: int = 1,
    wrong: int = 0,
    bad: float = 0.25,
    recipe: Recipe = RECIPE,
    own: Mapping[str, float] = MappingProxyType({}),
    **settings: object,
) -> dict[str, object]:
    """Add a run with its evaluation to a root and return the content of `metrics.json`; `own`: the user has figures."""
    asked = EvaluatorSettings.model_validate(settings)
    made = {split: drawn(parts, seed, skill, wrong, bad) for split, parts in (("eval", 180), ("test", 150))}
    known, logits = ({split: pair[place] for split, pair in made.items()} for place in (0, 1))
    found = conclude(candidate(logits, known, recipe, cost_of(asked.cost)), None, recipe, asked)
    driver = Driver(root)
    folder = driver.store.stage("evaluation")
    metrics = dict(finite(found.metrics))
    metrics["worst"] = _worst(folder / "errors")
    metrics |= {"own": dict(own)} if own else {}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    candidate(logits, known, recipe, cost_of(asked.cost)).predictions.write(folder)
    blessing = driver.store.stage("blessing")
    (blessing / ("BLESSED" if metrics["blessed"] else "NOT_BLESSED")).write_text("m\n")
    properties = {"blessed": int(metrics["blessed"]), "reasons": metrics["reasons"]}
    outputs = {
        "evaluation": Stored("ModelEvaluation", driver.store.publish(folder), {}),
        "blessing": Stored("ModelBlessing", driver.store.publish(blessing), properties),
    }
    parts = Parts("trainer.components.evaluator:evaluator", {"model": f"{seed:064x}"}, {}, {"seed": seed}, {}, {})
    driver.index.add(parts.key, Entry("Evaluator", parts, outputs, run, 1.5, 1))
    driver.close()
    digests = {name: stored.digest for name, stored in outputs.items()}
    steps = [StepRecord("Trainer", "done", 12.0), StepRecord("Evaluator", "done", 1.5, parts.key, digests)]
    arguments = {
        "recipe": "machined-surface",
        "folders": ["parts"],
        "assignments": [f"network.seed={seed}"],
        "version": "",
        "taken": 0,
    }
    record = RunRecord(run, recipe.name, 1_767_225_600_000, "done", 0, "", arguments, steps)
    record.result = {"blessed": metrics["blessed"], "reasons": metrics["reasons"], "metrics": {}}
    Runs(root).save(record)
    return metrics


def _worst(folder: Path) -> list[dict[str, object]]:
    folder.mkdir()
    found = []
    for number, kind in enumerate(("missed", "false alarm")):
        picture = np.full((60, 120, 3), 90 + 60 * number, np.uint8)
        cv2.circle(picture, (30, 30), 12, (40, 200, 90), 2)
        (folder / f"{number:02d}.jpg").write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        said = {"kind": kind, "part": f"p{number}", "label": LABELS[1 - number], "score": 0.4, "part_score": 0.4}
        found.append({"file": f"errors/{number:02d}.jpg", "verdict": "accept" if number == 0 else "review", **said})
    return found
