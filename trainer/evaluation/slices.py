"""Metrics of parts, overall and by slice, and where the model is worst: fairness across stations, lots, exposures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from converter.confidence import Cost, PartScores
from edge_agent.contracts.bounds import LEVEL, exact_interval
from edge_agent.contracts.bundle import ThresholdPair
from trainer.evaluation.answers import Answers
from trainer.evaluation.rates import Estimate, Inspection, auroc, inspect
from trainer.evaluation.resampling import auroc_interval

OVERALL = "overall"


@dataclass(frozen=True)
class PartMetrics:
    """What was measured on the parts of one slice. `judged`: it has enough parts for its numbers to mean something."""

    slice: str
    attribute: str
    value: str
    parts: int
    defective: int
    good: int
    auroc: Estimate
    inspection: Inspection
    judged: bool


def measure_parts(
    parts: PartScores, pair: ThresholdPair, cost: Cost | None, attribute: str = "", value: str = "", least: int = 1
) -> PartMetrics:
    """Measure all parts, or those of one slice, at the thresholds."""
    name = f"{attribute}={value or 'unknown'}" if attribute else OVERALL
    low, high = auroc_interval(parts.scores, parts.defective)
    ranking = Estimate(auroc(parts.scores, parts.defective), low, high, len(parts.parts))
    bad = int(parts.defective.sum())
    at_work = inspect(parts.scores, parts.defective, pair.accept_below, pair.reject_above, cost)
    enough = len(parts.parts) >= least
    return PartMetrics(name, attribute, value, len(parts.parts), bad, len(parts.parts) - bad, ranking, at_work, enough)


def measure_slices(
    answers: Answers, combine: str, pair: ThresholdPair, cost: Cost | None, least: int
) -> list[PartMetrics]:
    """Measure every slice. A part counts in a slice with those of its pictures that belong to it."""
    return [
        measure_parts(answers.where(attribute, value).by_part(combine), pair, cost, attribute, value, least)
        for attribute, value in answers.slices()
    ]


@dataclass(frozen=True)
class Worst:
    """The slice of an attribute in which a metric is worst. `average` is over the attribute's slices, by their parts.

    `proven`: worse than that by more than chance, the number of slices taken into account (Bonferroni).
    """

    attribute: str
    metric: str
    slice: str
    value: float
    average: float
    proven: bool

    @property
    def text(self) -> str:
        """One line about it."""
        word = "proven" if self.proven else "may be chance"
        return f"{self.metric} is worst on {self.slice}: {self.value:.3f}, on average {self.average:.3f} ({word})"


def worst_slices(answers: Answers, combine: str, found: Sequence[PartMetrics]) -> list[Worst]:
    """Name the worst slice for each attribute and metric among those that are judged; ties are no finding."""
    named: list[Worst] = []
    for attribute in dict.fromkeys(one.attribute for one in found):
        judged = [one for one in found if one.attribute == attribute and one.judged]
        for metric in ("AUROC", "escape", "overkill"):
            values = {one.slice: _value(one, metric) for one in judged}
            known = {name: value for name, value in values.items() if not math.isnan(value)}
            if len(set(known.values())) < 2:
                continue
            name = (min if metric == "AUROC" else max)(known, key=lambda key: known[key])
            one = next(one for one in judged if one.slice == name)
            average = _average([one for one in judged if one.slice in known], metric)
            proven = _proven(answers, combine, one, metric, average, len(known))
            named.append(Worst(attribute, metric, name, known[name], average, proven))
    return named


def _value(one: PartMetrics, metric: str) -> float:
    if metric == "AUROC":
        return one.auroc.value
    return (one.inspection.escape if metric == "escape" else one.inspection.overkill).value


def _average(found: Sequence[PartMetrics], metric: str) -> float:
    """Parts that are seen in one slice alone are no match for whole parts: slices are compared with slices."""
    sizes = [{"AUROC": one.parts, "escape": one.defective, "overkill": one.good}[metric] for one in found]
    total = sum(_value(one, metric) * size for one, size in zip(found, sizes, strict=True))
    return total / sum(sizes)


def _proven(answers: Answers, combine: str, one: PartMetrics, metric: str, average: float, many: int) -> bool:
    level = 1 - (1 - LEVEL) / many
    if metric == "AUROC":
        sliced = answers.where(one.attribute, one.value).by_part(combine)
        return auroc_interval(sliced.scores, sliced.defective, level=level)[1] < average
    share = one.inspection.escape if metric == "escape" else one.inspection.overkill
    return exact_interval(share.events or 0, share.n, level)[0] > average
