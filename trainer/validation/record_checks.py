"""What validation looks for beside the schema: torn parts, unknown values with their places, columns that say nothing.

Rules only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trainer.data.split import torn
from trainer.data.wire import PART, PLACE

_SHOWN = 3
Texts = Mapping[str, Sequence[str]]
"""Text columns of a split and its `KEYS`, "" for a missing value; see `trainer.data.records`."""


def torn_parts(tables: Mapping[str, Texts], whole: bool = True) -> Iterator[str]:
    """Say which parts have records in more than one split; unless parts shall be `whole`, that was asked for."""
    found = torn((part, split) for split, table in tables.items() for part in table.get(PART, ()))
    if found:
        shown = ", ".join(found[:10]) + (" …" if len(found) > 10 else "")
        said = "a part belongs to one split whole: correct the column 'split' of the table"
        if not whole:
            said = "as example_gen.split by-hash asks: what is evaluated was partly learned from"
        yield f"part: {len(found)} parts have pictures in two splits or more ({shown}); {said}"


def unknown_values(split: str, feature: str, table: Texts, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each value of a text column that is not among `known`, with a line that counts it and names records."""
    values = table.get(feature, ())
    names = table.get(PLACE, ())
    for value in sorted({*values} - {*known, ""}):
        places = [place for place, its in enumerate(values) if its == value]
        shown = ", ".join(names[place] for place in places[:_SHOWN]) if names else ""
        where = f" ({shown}{' …' if len(places) > _SHOWN else ''})" if shown else ""
        yield (
            value,
            f"{split}: {feature} '{value}' in {len(places)} records{where} is not in the schema ({', '.join(known)})",
        )


def not_in_recipe(
    label: str, tables: Mapping[str, Texts], labels: Sequence[str], known: Sequence[str]
) -> Iterator[str]:
    """Say which labels the schema lets in (`known`, none = any) and the recipe does not."""
    found = [one for table in tables.values() for one in table.get(label, ()) if one and one not in labels]
    for value in sorted(one for one in {*found} if not known or one in known):
        yield (
            f"{label}: '{value}' in {found.count(value)} records is not in the recipe ({', '.join(labels)}); "
            "add it to labels.defects"
        )


def thin(tables: Mapping[str, Texts], label: str, good: str) -> Iterator[str]:
    """Say which splits lack defective or good parts: nothing can be measured on them."""
    for split, table in tables.items():
        pairs = list(zip(table.get(PART, ()), table.get(label, ()), strict=False))
        defective = len({part for part, its in pairs if its != good})
        whole = len({part for part, its in pairs if its == good})
        if not defective or not whole:
            yield f"{split}: {defective} defective and {whole} good parts: insufficient evidence"


def idle_features(split: str, dataset: Any, quiet: Sequence[str]) -> Iterator[str]:
    """Say which features of a DatasetFeatureStatistics are empty or the same everywhere, except those in `quiet`."""
    for feature in dataset.features:
        name = ".".join(feature.path.step)
        kind = feature.WhichOneof("stats")
        if name in quiet or kind is None:
            continue
        stats = getattr(feature, kind)
        filled = stats.common_stats.num_non_missing
        if not filled:
            yield f"{split}: {name} is empty in all {dataset.num_examples} records; fill it or leave the column out"
        elif filled > 1 and kind == "num_stats" and stats.std_dev == 0 and stats.min == stats.max:
            yield f"{split}: {name} is {stats.mean:.3g} in every record: nothing can be learned from it"
        elif filled > 1 and kind == "string_stats" and stats.unique == 1:
            value = stats.top_values[0].value if stats.top_values else "the same"
            yield f"{split}: {name} is '{value}' in every record: nothing can be learned from it"
