"""TFDV's anomalies in one line each: the feature, what was found, what to do. Rules only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ACCEPT = "trainer schema accept --root ROOT --feature"
"""How a person takes a change into the schema; ROOT stands for the run's root, which no artifact may name."""
_OPTIONAL = "--optional"
_REMEDIES = {
    "SCHEMA_MISSING_COLUMN": ("add the column", _OPTIONAL),
    "FEATURE_TYPE_NOT_PRESENT": ("fill it", _OPTIONAL),
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": ("fill the missing values", _OPTIONAL),
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": ("fill the missing values", _OPTIONAL),
    "INVALID_FEATURE_SHAPE": ("fill the missing values", _OPTIONAL),
    "SCHEMA_NEW_COLUMN": ("remove the column", "--new"),
    "_BIG_": ("correct the values", "--min A --max B"),
    "_SMALL_": ("correct the values", "--min A --max B"),
    "COMPARATOR": ("look at what has changed", "--drift T"),
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": ("correct the values", "--value V"),
}


def from_tfdv(split: str, anomalies: Any, without: frozenset[str] = frozenset()) -> Iterator[tuple[bool, str]]:
    """Yield (does it block, line) for each anomaly of a split; features in `without` are spoken of elsewhere."""
    for name in sorted(anomalies.anomaly_info):
        found = anomalies.anomaly_info[name]
        if name in without:
            continue
        kinds = [found.Type.Name(reason.type) for reason in found.reason]
        against_serving = "training and serving" in found.description
        yield (
            found.severity != found.WARNING,
            f"{split}: {name}: {_said(found)}; {remedy(name, kinds, against_serving)}",
        )
    if anomalies.HasField("dataset_anomaly_info"):
        yield True, f"{split}: {anomalies.dataset_anomaly_info.description.strip()}"


def _said(found: Any) -> str:
    said = " ".join(found.description.split()).replace(" (up to six significant digits)", "")
    return said.rstrip(". ")


def remedy(feature: str, kinds: list[str], against_serving: bool = False) -> str:
    """Say what to do about an anomaly of these kinds; a comparison is one with serving data, or with former data."""
    for words, (act, option) in _REMEDIES.items():
        if any(words in kind for kind in kinds):
            return f"{act}, or accept it: {ACCEPT} {feature} {'--skew T' if against_serving else option}"
    return "correct the data, or the reviewed schema"


def accept_value(feature: str, value: str) -> str:
    """Return the command that takes a value into the schema."""
    quoted = f"'{value}'" if any(sign in value for sign in " '\"$&;|<>()") else value
    return f"{ACCEPT} {feature} --value {quoted}"


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
