"""TFDV's anomalies in one line each: the feature, what was found, what to do. Rules only."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_ROOT = "--root ROOT"
"""ROOT stands for the run's root, which no artifact may name."""
_OPTIONAL, _DISTANCE, _NEW = "--optional", "--drift", "--new"
_REMEDIES = {
    "SCHEMA_MISSING_COLUMN": ("add the column", _OPTIONAL),
    "FEATURE_TYPE_NOT_PRESENT": ("fill it", _OPTIONAL),
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": ("fill the missing values", _OPTIONAL),
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": ("fill the missing values", _OPTIONAL),
    "INVALID_FEATURE_SHAPE": ("fill the missing values", _OPTIONAL),
    "SCHEMA_NEW_COLUMN": ("remove the column", _NEW),
    "_BIG_": ("correct the values", "--min A --max B"),
    "_SMALL_": ("correct the values", "--min A --max B"),
    "COMPARATOR": ("look at what has changed", _DISTANCE),
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": ("correct the values", "--value V"),
}


def accepting(feature: str, option: str) -> str:
    """Return how a person takes a change of a feature into the schema; see `in_root`."""
    return f"trainer schema accept {_ROOT} --feature {shlex.quote(feature)} {option}"


def in_root(line: str, root: Path) -> str:
    """Return a line whose commands are about this root."""
    return line.replace(_ROOT, f"--root {shlex.quote(str(root))}")


def from_tfdv(
    split: str, anomalies: Any, types: Mapping[str, str], without: frozenset[str] = frozenset()
) -> Iterator[tuple[bool, str]]:
    """Yield (does it block, line) for each anomaly of a split; features in `without` are spoken of elsewhere.

    `types` says of each feature whether it is a `string`, an `int` or a `float`.
    """
    measured = {(one["feature"], one["against"]): one for one in distances(anomalies)}
    for name in sorted(anomalies.anomaly_info):
        found = anomalies.anomaly_info[name]
        if name in without:
            continue
        kinds = [found.Type.Name(reason.type) for reason in found.reason]
        yield (
            found.severity != found.WARNING,
            f"{split}: {name}: {_said(found)}; {remedy(name, kinds, measured, types)}",
        )
    if anomalies.HasField("dataset_anomaly_info"):
        yield True, f"{split}: {anomalies.dataset_anomaly_info.description.strip()}"


def _said(found: Any) -> str:
    said = " ".join(found.description.split()).replace(" (up to six significant digits)", "")
    return said.rstrip(". ")


def remedy(
    feature: str,
    kinds: list[str],
    measured: Mapping[tuple[str, str], Mapping[str, Any]],
    types: Mapping[str, str],
) -> str:
    """Say what to do about an anomaly of these kinds; `measured` are distances by feature and `drift` or `skew`."""
    for words, (act, option) in _REMEDIES.items():
        if any(words in kind for kind in kinds):
            chosen = _distances_beyond(feature, measured) if option == _DISTANCE else option
            chosen = f"{_NEW} {types.get(feature, 'string')}" if option == _NEW else chosen
            return f"{act}, or accept it: {accepting(feature, chosen)}"
    return "correct the data, or the reviewed schema"


def _distances_beyond(feature: str, measured: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    beyond = [
        f"--{against} {math.ceil(one['value'] * 100) / 100:g}"
        for against in ("drift", "skew")
        if (one := measured.get((feature, against))) is not None and one["value"] > one["limit"]
    ]
    return " ".join(beyond) or "--drift LIMIT"


def accept_value(feature: str, value: str) -> str:
    """Return the command that takes a value into the schema."""
    return accepting(feature, f"--value {shlex.quote(value)}")


def distances(anomalies: Any) -> list[dict[str, Any]]:
    """Return what TFDV measured between two data sets: feature, against (`drift` or `skew`), measure, value, limit."""
    found = []
    for info in anomalies.drift_skew_info:
        for against, measured in (("drift", info.drift_measurements), ("skew", info.skew_measurements)):
            for one in measured:
                found.append(
                    {
                        "feature": ".".join(info.path.step),
                        "against": against,
                        "measure": one.Type.Name(one.type),
                        "value": round(float(one.value), 6),
                        "limit": float(one.threshold),
                    }
                )
    return sorted(found, key=lambda one: (one["against"], one["feature"]))
