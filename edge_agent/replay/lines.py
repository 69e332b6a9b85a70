"""The tables of a replay as CSV: one line per picture, and one per part with what was said before and after."""

from __future__ import annotations

from edge_agent.inference.champion import Model
from edge_agent.inspection import Finding, View, named, original_peak
from edge_agent.replay.comparison import Pair, Word
from edge_agent.report.lines import safe

PICTURE_COLUMNS = ("image", "verdict", "label", "score", "peak_x", "peak_y", "latency_ms")
"""`score`, `label`, peak and latency are the picture's, `verdict` is the part's."""

PART_COLUMNS = (
    "part", "name", "serial", "before", "before_reason", "before_label", "before_score",
    "after", "after_reason", "after_label", "after_score", "changed", "truth",
)  # fmt: skip
"""`truth`: good or defective, as a person or a table of labels says; empty where nobody does."""


def picture_row(view: View, finding: Finding, model: Model) -> list[str]:
    """Return a picture's line in the order of `PICTURE_COLUMNS`."""
    verdict = finding.ruling.verdict.value
    name = view.frame.name or f"{view.frame.serial}/{view.frame.view}"
    inference = view.inference
    if inference is None:
        return [name, verdict, "", "", "", "", f"{view.latency_ms:.3f}"]
    peak = original_peak(inference, model)
    place = [f"{peak[0]:.5f}", f"{peak[1]:.5f}"] if peak is not None else ["", ""]
    label = named(inference, inference.score, model)
    return [name, verdict, label, f"{inference.score:.6f}", *place, f"{view.latency_ms:.3f}"]


def part_row(pair: Pair) -> list[str]:
    """Return a part's line in the order of `PART_COLUMNS`."""
    truth = {True: "defective", False: "good", None: ""}[pair.defective]
    who = [str(pair.number), safe(pair.name), safe(pair.serial)]
    return [*who, *_cells(pair.before), *_cells(pair.after), str(int(pair.changed)), truth]


def _cells(word: Word | None) -> list[str]:
    if word is None:
        return ["", "", "", ""]
    return [word.verdict, word.reason, word.label, "" if word.score is None else f"{word.score:.6f}"]
