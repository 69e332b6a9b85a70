"""Labels that are probably wrong, by confident learning on answers to pictures that trained nothing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.evaluation.answers import Answers, Predictions
from trainer.evaluation.last import Evaluation

_LEAST = 10


@dataclass(frozen=True)
class Suspect:
    """A picture or row whose label is doubted: what it is labelled, what the model says, with which probability each.

    `image` is where it stands; of a row there is no digest.
    """

    image: str
    sha256: str
    part: str
    split: str
    label: str
    suggested: str
    said_label: float
    said_suggested: float


def suspects_of(predictions: Predictions) -> list[Suspect]:
    """Return suspects, the most doubtful first. All held-out pictures are looked at, none that trained the model.

    Northcutt et al., Confident Learning (2021), by cleanlab. Raises Rejected for too few pictures or labels.
    """
    splits = [(name, answers) for name, answers in predictions.splits.items() if len(answers)]
    labels = np.concatenate([answers.labels for _, answers in splits]) if splits else np.zeros(0, np.int64)
    shares = np.concatenate([answers.probabilities for _, answers in splits]) if splits else np.zeros((0, 1))
    known = np.unique(labels)
    if len(labels) < _LEAST or len(known) < 2:
        found = f"{len(labels)} held-out records of {len(known)} labels"
        raise Rejected(f"{found}; at least {_LEAST} of two labels are needed to doubt one")
    places = [(name, answers, row) for name, answers in splits for row in range(len(answers))]
    return [_suspect(predictions.labels, *places[number]) for number in _doubtful(labels, shares, known)]


def _doubtful(labels: Any, shares: Any, known: Any) -> Sequence[int]:
    """Ask cleanlab; labels that no held-out picture has are left out of the question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cleanlab.filter import find_label_issues

        held = shares[:, known] + 1e-9
        held /= held.sum(axis=1, keepdims=True)
        numbered = np.searchsorted(known, labels)
        found = find_label_issues(numbered, held, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [int(place) for place in found]


def _suspect(labels: Sequence[str], split: str, answers: Answers, row: int) -> Suspect:
    shares = answers.probabilities[row]
    given, best = int(answers.labels[row]), int(np.argmax(shares))
    return Suspect(
        answers.names[row],
        answers.digests[row] if answers.digests else "",
        answers.parts[row],
        split,
        labels[given],
        labels[best],
        float(shares[given]),
        float(shares[best]),
    )


def pictures_of(evaluation: Evaluation, examples: Path | None) -> Mapping[str, Path]:
    """Return where the pictures of a run lie, by digest; those that are not there any more are left out."""
    if examples is None or not (examples / "pictures.json").is_file():
        return {}
    folders = [Path(folder) for folder in evaluation.run.arguments["folders"]]
    rows = json.loads((examples / "pictures.json").read_text(encoding="utf-8"))
    found = {row["sha256"]: folders[row["folder"]] / row["image"] for row in rows if row["folder"] < len(folders)}
    return {digest: path for digest, path in found.items() if path.is_file()}
