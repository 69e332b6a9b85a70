"""TFDV's statistics as one HTML page that needs no network: TFDV's own view loads its scripts from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer.reports.charts import histogram
from trainer.reports.deciles import decile_strips
from trainer.reports.rendering import environment

_WHOLE = ("", "All Examples")
_COLOURS = ("var(--first)", "var(--second)", "var(--third)", "var(--fourth)")
_TOP = 8
_STANDARD, _QUANTILES = 0, 1


@dataclass(frozen=True)
class SplitStats:
    """What one split says of a feature: its `rows` of numbers for the table, and its most frequent `values`."""

    split: str
    colour: str
    missing: float
    rows: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class FeatureView:
    """One feature of one slice: `kind` is `number` or `text`; `charts` are SVG texts."""

    name: str
    kind: str
    splits: tuple[SplitStats, ...]
    charts: tuple[str, ...]
    remark: str


@dataclass(frozen=True)
class SliceView:
    """One slice, "" = all records: number of records by split, and its features."""

    name: str
    records: tuple[tuple[str, str, int], ...]
    features: tuple[FeatureView, ...]


def statistics_page(found: Mapping[str, Any], title: str) -> str:
    """Return a page with the statistics by split (DatasetFeatureStatisticsList), slices to be chosen on it."""
    colours = {split: _COLOURS[place % len(_COLOURS)] for place, split in enumerate(found)}
    return (
        environment()
        .get_template("statistics.html")
        .render(title=title, slices=slice_views(found, colours), shared=shared_values, dict=dict)
    )


def slice_views(found: Mapping[str, Any], colours: Mapping[str, str]) -> list[SliceView]:
    """Arrange the statistics by slice (all records first), feature and split."""
    by_slice: dict[str, dict[str, Any]] = {}
    for split, statistics in found.items():
        for dataset in statistics.datasets:
            name = "" if dataset.name in _WHOLE else dataset.name
            by_slice.setdefault(name, {})[split] = dataset
    return [_slice(name, by_slice[name], colours) for name in sorted(by_slice)]


def _slice(name: str, datasets: Mapping[str, Any], colours: Mapping[str, str]) -> SliceView:
    features: dict[str, dict[str, Any]] = {}
    for split, dataset in datasets.items():
        for feature in dataset.features:
            features.setdefault(".".join(feature.path.step), {})[split] = feature
    totals = {split: int(dataset.num_examples) for split, dataset in datasets.items()}
    return SliceView(
        name,
        tuple((split, colours[split], total) for split, total in totals.items()),
        tuple(_feature(one, features[one], totals, colours) for one in sorted(features)),
    )


def _feature(
    name: str, splits: Mapping[str, Any], totals: Mapping[str, int], colours: Mapping[str, str]
) -> FeatureView:
    numeric = any(feature.WhichOneof("stats") == "num_stats" for feature in splits.values())
    stats = {split: getattr(feature, feature.WhichOneof("stats")) for split, feature in splits.items()}
    views = tuple(
        SplitStats(
            split,
            colours[split],
            1 - one.common_stats.num_non_missing / max(totals[split], 1),
            tuple(_numbers(one) if numeric else _words(one)),
            () if numeric else _values(one),
        )
        for split, one in stats.items()
    )
    remark = _remark(stats, numeric)
    charts = _charts(stats, colours) if numeric and not remark else ()
    return FeatureView(name, "number" if numeric else "text", views, charts, remark)


def _numbers(stats: Any) -> list[tuple[str, str]]:
    values = (("mean", stats.mean), ("deviation", stats.std_dev), ("least", stats.min), ("median", stats.median))
    zeros = stats.num_zeros / max(stats.common_stats.tot_num_values, 1)
    return [(name, f"{value:.4g}") for name, value in (*values, ("greatest", stats.max))] + [
        ("zero", f"{100 * zeros:.1f} %")
    ]


def _words(stats: Any) -> list[tuple[str, str]]:
    return [("different", str(stats.unique)), ("length", f"{stats.avg_length:.3g}")]


def _values(stats: Any) -> tuple[tuple[str, float], ...]:
    total = max(stats.common_stats.tot_num_values, 1)
    return tuple((one.value, one.frequency / total) for one in stats.top_values[:_TOP])


def _charts(stats: Mapping[str, Any], colours: Mapping[str, str]) -> tuple[str, ...]:
    bars, deciles = [], []
    for split, one in stats.items():
        for drawn in getattr(one, "histograms", ()):
            buckets = [(b.low_value, b.high_value, b.sample_count) for b in drawn.buckets]
            if drawn.type == _STANDARD:
                bars.append((split, buckets, colours[split]))
            elif drawn.type == _QUANTILES and buckets:
                edges = [buckets[0][0], *(high for _, high, _ in buckets)]
                deciles.append((split, edges, colours[split]))
    return tuple(chart for chart in (histogram(bars), decile_strips(deciles)) if chart)


def _remark(stats: Mapping[str, Any], numeric: bool) -> str:
    """Say what a person should see at once: empty or constant throughout."""
    filled = [one for one in stats.values() if one.common_stats.num_non_missing]
    if not filled:
        return "empty"
    if numeric:
        constant = all(one.min == one.max for one in filled) and len({one.min for one in filled}) == 1
    else:
        constant = all(one.unique == 1 for one in filled)
    return "constant" if constant else ""


def shared_values(splits: Sequence[SplitStats]) -> list[str]:
    """Return the values that any split names among its most frequent ones, the most frequent first."""
    shares: dict[str, float] = {}
    for one in splits:
        for value, share in one.values:
            shares[value] = max(shares.get(value, 0.0), share)
    return sorted(shares, key=lambda value: (-shares[value], value))[:_TOP]
