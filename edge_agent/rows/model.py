"""A bundle for tables, loaded: rows in, calibrated probabilities and verdicts out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import Row, RowContract, row_input
from edge_agent.contracts.scores import part_score, shares_of
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.verdict import judge
from edge_agent.inference.interpreter import Interpreter


class RowVerdict(NamedTuple):
    """What is said of one part: `score` is the probability of any defect, `label` the strongest class.

    `probabilities` (classes,) are of the part's worst row; all are None, and `error` says why, where it has no score.
    """

    verdict: Verdict
    reason: Reason
    score: float | None
    label: str | None
    probabilities: tuple[float, ...] | None
    error: str = ""


class RowModel:
    """The variant of a bundle that a device class runs. One thread runs it at a time."""

    def __init__(
        self, folder: BundleFolder, device_class: str, threads: int = 1, expected_id: str | None = None
    ) -> None:
        """Load it. Raises Rejected for a bundle that is not whole, not `expected_id`, or not for tables."""
        manifest = folder.open(expected_id)
        if not isinstance(manifest.input, RowContract):
            raise Rejected(f"model {manifest.name} takes pictures, expected one that takes rows; use 'edge-agent run'")
        self.manifest, self.contract, self.recipe = manifest, manifest.input, manifest.recipe
        self.variant = manifest.variant_for(device_class)
        if self.variant.format != "tflite":
            raise Rejected(f"variant '{self.variant.id}' is {self.variant.format}, a device runs tflite")
        self._interpreter = Interpreter(folder.read(self.variant.blob), threads)
        if self._interpreter.input_shape != self.contract.shape[1:]:
            found = self._interpreter.input_shape
            raise Rejected(f"graph takes {found}, the bundle says {self.contract.shape[1:]}; convert the model again")

    @property
    def runtime(self) -> str:
        """Which TFLite runtime runs it."""
        return str(self._interpreter.runtime)

    def probabilities(self, row: Row) -> tuple[float, ...]:
        """Return the calibrated class probabilities of a row. Raises Rejected as `row.row_input`."""
        scores = self._interpreter.run(row_input(row, self.contract))
        return shares_of(scores.logits.tolist(), self.variant.temperature)

    def judge(self, rows: Sequence[Row], automation: Automation | None = None) -> RowVerdict:
        """Return the verdict on a part, given its rows. One that cannot be read or scored rejects the part."""
        degree = automation or self.recipe.automation
        try:
            shares = [self.probabilities(row) for row in rows]
        except (Rejected, RuntimeError) as error:
            ruling = judge(Reason.MODEL_ERROR, None, self.variant.thresholds, degree, late=False)
            return RowVerdict(ruling.verdict, ruling.reason, None, None, None, str(error))
        scores = [1.0 - share[0] for share in shares]
        score = part_score(scores, self.recipe.views.combine)
        ruling = judge(None, score, self.variant.thresholds, degree, late=False)
        if not math.isfinite(score):
            return RowVerdict(ruling.verdict, ruling.reason, None, None, None, "the scores are no numbers")
        worst = shares[max(range(len(scores)), key=scores.__getitem__)]
        label = self.manifest.output.labels[max(range(len(worst)), key=worst.__getitem__)]
        return RowVerdict(ruling.verdict, ruling.reason, score, label, worst)


def row_model(bundle: Path, device_class: str, threads: int, work: Path) -> RowModel:
    """Load the bundle at a folder or a `.lineside` file, which is unpacked below `work`. Raises as RowModel."""
    from edge_agent.contracts.archive import SUFFIX, unpack_archive

    folder = unpack_archive(bundle, work) if bundle.suffix == SUFFIX else BundleFolder(bundle)
    return RowModel(folder, device_class, threads)
