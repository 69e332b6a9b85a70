"""What the page says of the data: counts by label and split, and how the pictures' quality is spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.data.manifest import SPLITS

_COLOURS = {"train": "var(--faint)", "eval": "var(--busy)", "test": "var(--accent)"}
Bars = list[tuple[str, list[tuple[float, float, float]], str]]


def data_counts(parts: Mapping[str, Mapping[str, str]], pictures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return `labels` and, for each, parts and pictures by split; `total` adds up."""
    in_split = {name: value["split"] for name, value in parts.items()}
    part_counts = Counter((value["label"], value["split"]) for value in parts.values())
    picture_counts = Counter((row["label"], in_split[row["part"]]) for row in pictures)
    labels = sorted({value["label"] for value in parts.values()})
    rows = {
        label: {split: (part_counts[label, split], picture_counts[label, split]) for split in SPLITS}
        for label in labels
    }
    total = {
        split: (sum(rows[label][split][0] for label in labels), sum(rows[label][split][1] for label in labels))
        for split in SPLITS
    }
    return {"splits": SPLITS, "rows": rows, "total": total}


def rows_of(parts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a table as `data_counts` takes pictures: a row has its part's label there."""
    return [{"part": part, "label": value["label"]} for part, value in parts.items() for _ in range(value["rows"])]


def quality_histograms(statistics: Path) -> dict[str, Bars]:
    """Return TFDV's histograms by feature: (split, [(low, high, count)], colour).

    Of pictures those of the quality measures, of tables those of all numbers.
    """
    from edge_agent.contracts.quality import QUALITY_FEATURES
    from trainer.components.statistics_gen import load_statistics

    found: dict[str, Bars] = {}
    for split in SPLITS:
        proto = load_statistics(statistics, split)
        if proto is None:
            continue
        for feature in proto.datasets[0].features:
            name = feature.path.step[0] if feature.path.step else feature.name
            if feature.num_stats.histograms:
                buckets = feature.num_stats.histograms[0].buckets
                bars = [(b.low_value, b.high_value, b.sample_count) for b in buckets]
                found.setdefault(name, []).append((split, bars, _COLOURS[split]))
    measures = {name: found[name] for name in QUALITY_FEATURES if name in found}
    return measures or found
