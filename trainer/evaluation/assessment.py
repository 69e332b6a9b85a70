"""Everything that is said of a model's answers to held-out parts, whatever the parts are made of. Rules only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from converter.confidence import Cost, PartScores
from edge_agent.contracts.bounds import lower_bound, more_needed, upper_bound
from edge_agent.contracts.bundle import ThresholdPair
from edge_agent.contracts.recipe import Thresholds
from trainer.evaluation.answers import Answers
from trainer.evaluation.limits import Judgement, judge_change, judge_value, missing_parts
from trainer.evaluation.rates import Estimate, auroc, inspect
from trainer.evaluation.resampling import Places, auroc_interval, interval
from trainer.evaluation.settings import CostSettings, EvaluatorSettings, LimitSettings, Metric
from trainer.evaluation.slices import PartMetrics, Worst, measure_parts, measure_slices, worst_slices

_HIGHER_IS_BETTER = ("part_auroc", "recall")


@dataclass(frozen=True)
class Model:
    """A model as it is judged: its answers to the test split, its thresholds, and how people name it."""

    answers: Answers
    pair: ThresholdPair
    name: str = ""


@dataclass(frozen=True)
class Evidence:
    """What the test parts prove of the recipe's escape rate.

    `missing`: how many more defective parts, none accepted, would prove it; None where it is broken or proven.
    """

    status: str
    target: float
    confidence: float
    escapes: int
    defective: int
    upper: float
    missing: int | None
    text: str


@dataclass(frozen=True)
class Assessment:
    """What is written into `metrics.json` besides the figures that there always were."""

    overall: PartMetrics
    slices: tuple[PartMetrics, ...]
    worst: tuple[Worst, ...]
    evidence: Evidence
    judgements: tuple[Judgement, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the keys for `metrics.json`."""
        return {
            "inspection": asdict(self.overall.inspection),
            "evidence": asdict(self.evidence),
            "part_slices": [asdict(one) for one in self.slices],
            "worst_slices": [{**asdict(one), "text": one.text} for one in self.worst],
            "limits": [{**asdict(one), "passed": one.passed} for one in self.judgements],
        }

    @property
    def remarks(self) -> list[str]:
        """What people should know whether or not the model is blessed."""
        return [self.evidence.text, *(one.text for one in self.worst if one.proven)]


def cost_of(settings: CostSettings | None) -> Cost | None:
    """Return the settings' costs as the rules take them."""
    return None if settings is None else Cost(**settings.model_dump())


def assess(
    model: Model,
    former: Model | None,
    combine: str,
    policy: Thresholds,
    settings: EvaluatorSettings,
    blessing: Sequence[LimitSettings] = (),
) -> Assessment:
    """Judge a model on parts that neither it nor its thresholds have seen, against the former blessed one.

    `blessing` are the recipe's own limits, judged before those of the settings.
    """
    cost = cost_of(settings.cost)
    overall = measure_parts(model.answers.by_part(combine), model.pair, cost)
    slices = measure_slices(model.answers, combine, model.pair, cost, settings.slice_parts_min)
    worst = worst_slices(model.answers, combine, slices)
    judgements = [
        j for limit in (*blessing, *settings.thresholds) for j in _judged(limit, model, former, combine, cost)
    ]
    proven = evidence(overall.inspection.escape, policy)
    return Assessment(overall, tuple(slices), tuple(worst), proven, tuple(judgements))


def evidence(escape: Estimate, policy: Thresholds) -> Evidence:
    """Say whether the escapes among the test's defective parts prove the recipe's escape rate, with its confidence."""
    events, n = escape.events or 0, escape.n
    upper = upper_bound(events, n, policy.confidence)
    aim = f"escape rate at most {policy.escape_rate:.1%} with {policy.confidence:.0%} confidence"
    found = f"{events} of {n} defective test parts accepted, true rate at most {upper:.1%}"
    status, missing = "proven", None
    if upper > policy.escape_rate:
        status = "violated" if lower_bound(events, n, policy.confidence) > policy.escape_rate else "insufficient"
    words = {"proven": f"{aim}: proven ({found})", "violated": f"{aim}: broken ({found})"}.get(status, "")
    if status == "insufficient":
        missing = more_needed(events, n, policy.escape_rate, policy.confidence)
        words = f"insufficient evidence for {aim}: {found}; {missing} more defective parts, none accepted, are needed"
    return Evidence(status, policy.escape_rate, policy.confidence, events, n, upper, missing, words)


def _judged(
    limit: LimitSettings, model: Model, former: Model | None, combine: str, cost: Cost | None
) -> Iterator[Judgement]:
    parts = _sliced(model.answers, limit).by_part(combine)
    if limit.lower is not None or limit.upper is not None:
        found = estimate(limit.metric, parts, model.pair, cost)
        judged = judge_value(limit, found)
        bad = int(parts.defective.sum())
        is_open = judged.status not in ("proven", "violated")
        yield judged.with_more(missing_parts(limit, found, bad, len(parts.parts) - bad) if is_open else "")
    if limit.change is not None and former is not None:
        before = _sliced(former.answers, limit).by_part(combine)
        loss = _loss(limit.metric, parts, model.pair, before, former.pair, cost)
        yield judge_change(limit, loss, former.name)


def _sliced(answers: Answers, limit: LimitSettings) -> Answers:
    for attribute, value in limit.slice.items():
        answers = answers.where(attribute, value)
    return answers


def estimate(metric: Metric, parts: PartScores, pair: ThresholdPair, cost: Cost | None) -> Estimate:
    """Return a metric of parts with its 95 % interval."""
    if metric == "part_auroc":
        low, high = auroc_interval(parts.scores, parts.defective)
        return Estimate(auroc(parts.scores, parts.defective), low, high, len(parts.parts))
    found = inspect(
        parts.scores, parts.defective, pair.accept_below, pair.reject_above, cost or cost_of(CostSettings())
    )
    if metric == "recall":
        escape = found.escape
        caught = None if escape.events is None else escape.n - escape.events
        return Estimate(1 - escape.value, 1 - escape.high, 1 - escape.low, escape.n, caught)
    known: Estimate = getattr(found, metric)
    return known


def _loss(
    metric: Metric,
    now: PartScores,
    pair: ThresholdPair,
    before: PartScores,
    former: ThresholdPair,
    cost: Cost | None,
) -> Estimate:
    """Return how much worse the metric became on the same parts, by a paired bootstrap."""
    sign = -1.0 if metric in _HIGHER_IS_BETTER else 1.0

    def loss(draw: Places | slice) -> float:
        new, old = _value(metric, now, pair, cost, draw), _value(metric, before, former, cost, draw)
        return sign * (new - old)

    low, high = interval(now.defective, loss)
    value = loss(slice(None)) if len(now.parts) else math.nan
    return Estimate(value if not math.isnan(low) else math.nan, low, high, len(now.parts))


def _value(metric: Metric, parts: PartScores, pair: ThresholdPair, cost: Cost | None, draw: Places | slice) -> float:
    scores, defective = parts.scores[draw], parts.defective[draw]
    accepted, rejected = scores < pair.accept_below, scores >= pair.reject_above
    if metric == "part_auroc":
        return auroc(scores, defective)
    if metric in ("escape", "recall"):
        escape = float(accepted[defective].mean())
        return escape if metric == "escape" else 1 - escape
    if metric == "overkill":
        return float(rejected[~defective].mean())
    unsure = ~accepted & ~rejected
    if metric == "review":
        return float(unsure.mean())
    price = cost or Cost(**CostSettings().model_dump())
    each = price.escape * (accepted & defective) + price.overkill * (rejected & ~defective) + price.review * unsure
    share = float(defective.mean()) if price.defective_share is None else price.defective_share
    return share * float(each[defective].mean()) + (1 - share) * float(each[~defective].mean())
