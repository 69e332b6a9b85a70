"""What a model answered to held-out pictures or rows, and the file it is kept in: `predictions.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from converter.confidence import PartScores, join_parts
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.scores import defect_probability

FILE = "predictions.json"
SLICED = ("exposure", "station", "lot")
"""What answers are sliced by, where the data has it."""


@dataclass(frozen=True)
class Answers:
    """A model's answers to one split, an entry a picture or row, calibrated.

    `labels` (n,) are class indices, 0 = good; `probabilities` (n, classes). `names` and `digests` say where each came
    from; `attributes` maps a column such as `exposure` to its values ("" = not known).
    """

    parts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float64]
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def with_probabilities(self, probabilities: npt.NDArray[np.float64]) -> Answers:
        """Return the same pictures or rows with these answers."""
        return replace(self, probabilities=probabilities)

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Probability of any defect (n,)."""
        return defect_probability(self.probabilities) if len(self) else np.zeros(0)

    def by_part(self, combine: str) -> PartScores:
        """Join the answers into one score a part."""
        return join_parts(self.scores, self.parts, self.labels.tolist(), combine)

    def where(self, attribute: str, value: str) -> Answers:
        """Return the answers with this value of an attribute; none where the data lacks the attribute."""
        known = self.attributes.get(attribute, ())
        return self.at([place for place, found in enumerate(known) if found == value])

    def at(self, places: Sequence[int]) -> Answers:
        """Return the answers at these places."""
        places = list(places)
        return Answers(
            tuple(self.parts[i] for i in places),
            self.labels[places],
            self.probabilities[places],
            tuple(self.names[i] for i in places) if self.names else (),
            tuple(self.digests[i] for i in places) if self.digests else (),
            {name: [values[i] for i in places] for name, values in self.attributes.items()},
        )

    def slices(self) -> list[tuple[str, str]]:
        """Return (attribute, value) of every slice: attributes with at least two values."""
        found = []
        for name, values in self.attributes.items():
            known = sorted(set(values))
            found += [(name, value) for value in known] if len(known) > 1 else []
        return found


@dataclass(frozen=True)
class Predictions:
    """The answers to both held-out splits. `chosen`: those that the thresholds come from ("eval", or "test" alone)."""

    labels: tuple[str, ...]
    splits: Mapping[str, Answers]
    chosen: str

    @property
    def test(self) -> Answers:
        """The answers that have the last word."""
        return self.splits["test"]

    def write(self, folder: Path) -> None:
        """Write `predictions.json`; the same answers give the same bytes."""
        content = {
            "labels": list(self.labels),
            "chosen": self.chosen,
            "splits": {name: _plain(answers) for name, answers in self.splits.items()},
        }
        (folder / FILE).write_text(json.dumps(content, separators=(",", ":"), sort_keys=True), encoding="utf-8")


def read_predictions(folder: Path) -> Predictions:
    """Read what `Predictions.write` wrote. Raises ConfigError for an evaluation that has no such file."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        splits = {name: _answers(value, len(content["labels"])) for name, value in content["splits"].items()}
        return Predictions(tuple(content["labels"]), splits, content["chosen"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder / FILE}: no answers to read ({error}); run the pipeline again") from error


def _plain(answers: Answers) -> dict[str, object]:
    return {
        "part": list(answers.parts),
        "label": answers.labels.tolist(),
        "probabilities": answers.probabilities.tolist(),
        "name": list(answers.names),
        "sha256": list(answers.digests),
        "attributes": {name: list(values) for name, values in answers.attributes.items()},
    }


def _answers(content: Mapping[str, Any], classes: int) -> Answers:
    return Answers(
        tuple(map(str, content["part"])),
        np.asarray(content["label"], np.int64),
        np.asarray(content["probabilities"], np.float64).reshape(-1, classes),
        tuple(map(str, content["name"])),
        tuple(map(str, content["sha256"])),
        dict(content["attributes"]),
    )
