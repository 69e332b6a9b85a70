"""Changes that a person makes to a schema, each named in the feature's annotation. Rules on the proto only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edge_agent.contracts.errors import ConfigError, Rejected

_BYTES, _INT, _FLOAT = 1, 2, 3
_TYPES = {"string": _BYTES, "int": _INT, "float": _FLOAT}
_NAMES = {0: "unknown", _BYTES: "text", _INT: "whole number", _FLOAT: "number", 4: "struct"}


def feature_of(schema: Any, name: str) -> Any:
    """Return a feature. Raises ConfigError naming those there are."""
    for feature in schema.feature:
        if feature.name == name:
            return feature
    known = ", ".join(sorted(feature.name for feature in schema.feature))
    raise ConfigError(f"the schema has no feature '{name}'; it has {known}; --new adds one that the data has")


def accept_values(schema: Any, name: str, values: Sequence[str]) -> list[str]:
    """Let a text feature have more values; return the changes by name. Raises Rejected without a domain."""
    feature = feature_of(schema, name)
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        domain = next(one for one in schema.string_domain if one.name == feature.domain)
    elif kind == "string_domain":
        domain = feature.string_domain
    else:
        raise Rejected(f"{name} may have any value already; nothing is to be accepted")
    added = [value for value in values if value not in domain.value]
    domain.value.extend(added)
    return [_named(feature, f"value '{value}' accepted") for value in added]


def accept_missing(schema: Any, name: str) -> list[str]:
    """Let records lack a feature."""
    feature = feature_of(schema, name)
    if feature.HasField("presence") and not feature.presence.min_fraction and not feature.presence.min_count:
        return []
    feature.presence.min_fraction = 0
    feature.presence.min_count = 0
    feature.ClearField("shape")
    feature.value_count.max = 1
    return [_named(feature, "may be missing")]


def accept_gone(schema: Any, name: str) -> list[str]:
    """Let a feature be gone: the schema has it no more."""
    for place, feature in enumerate(schema.feature):
        if feature.name == name:
            del schema.feature[place]
            break
    return [f"{name}: gone, which is accepted"]


def accept_range(schema: Any, name: str, low: float | None, high: float | None) -> list[str]:
    """Let a number reach from `low` to `high`; None leaves that end as it is. Raises Rejected for a text."""
    feature = feature_of(schema, name)
    if feature.type == _BYTES:
        raise Rejected(f"{name} is a text and has no range; use --value")
    domain, whole = (feature.int_domain, True) if feature.type == _INT else (feature.float_domain, False)
    before = (domain.min if domain.HasField("min") else None, domain.max if domain.HasField("max") else None)
    for end, value in (("min", low), ("max", high)):
        if value is not None:
            setattr(domain, end, int(value) if whole else value)
    after = (domain.min if domain.HasField("min") else None, domain.max if domain.HasField("max") else None)
    return [] if before == after else [_named(feature, f"range {_range(*after)} accepted")]


def accept_distance(schema: Any, name: str, against: str, limit: float) -> list[str]:
    """Let a feature be as far from the former (`drift`) or the serving data (`skew`) as `limit`."""
    feature = feature_of(schema, name)
    comparator = getattr(feature, f"{against}_comparator")
    measure = comparator.infinity_norm if feature.type == _BYTES else comparator.jensen_shannon_divergence
    if measure.HasField("threshold") and measure.threshold == limit:
        return []
    measure.threshold = limit
    return [_named(feature, f"{against} up to {limit:g} accepted")]


def accept_new(schema: Any, name: str, kind: str) -> list[str]:
    """Add a feature that the data has and records may lack; `kind` is `string`, `int` or `float`."""
    if any(feature.name == name for feature in schema.feature):
        return []
    feature = schema.feature.add(name=name, type=_TYPES[kind])
    feature.presence.min_count = 0
    feature.value_count.max = 1
    return [_named(feature, "new feature accepted")]


def _named(feature: Any, change: str) -> str:
    said = feature.annotation.comment
    if change not in said:
        feature.annotation.comment.append(change)
    return f"{feature.name}: {change}"


def rows(schema: Any) -> list[dict[str, Any]]:
    """Return what the schema says of each feature, for people: name, type, presence, values, limits, changes."""
    return [
        {
            "feature": feature.name,
            "type": _NAMES.get(feature.type, str(feature.type)),
            "presence": _presence(feature),
            "values": _values(schema, feature),
            "not_in": list(feature.not_in_environment),
            "limits": list(_limits(feature)),
            "changes": list(feature.annotation.comment),
        }
        for feature in sorted(schema.feature, key=lambda one: one.name)
    ]


def differences(before: Any, now: Any) -> list[str]:
    """Say what changed from one schema to another, one line a thing."""
    old, new = ({row["feature"]: row for row in rows(schema)} for schema in (before, now))
    lines = [f"{name}: is gone" for name in sorted(old.keys() - new.keys())]
    lines += [f"{name}: is new ({new[name]['type']})" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        for key in ("type", "presence", "values", "not_in", "limits"):
            if old[name][key] != new[name][key]:
                lines.append(f"{name}: {key} from {_text(old[name][key])} to {_text(new[name][key])}")
    return lines


def _presence(feature: Any) -> str:
    least = feature.presence.min_fraction
    if least == 1:
        return "always"
    if least:
        return f"in at least {least:.0%}"
    return "in some" if feature.presence.min_count else "may be missing"


def _values(schema: Any, feature: Any) -> str:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        return ", ".join(next((one.value for one in schema.string_domain if one.name == feature.domain), ()))
    if kind == "string_domain":
        return ", ".join(feature.string_domain.value)
    if kind in ("int_domain", "float_domain"):
        domain = getattr(feature, kind)
        ends = (domain.min if domain.HasField("min") else None, domain.max if domain.HasField("max") else None)
        return _range(*ends) if ends != (None, None) else "any"
    return "any"


def _range(low: float | None, high: float | None) -> str:
    return f"{'…' if low is None else f'{low:g}'} to {'…' if high is None else f'{high:g}'}"


def _limits(feature: Any) -> Iterator[str]:
    for against in ("drift", "skew"):
        comparator = getattr(feature, f"{against}_comparator")
        for measure, name in (("infinity_norm", "L-infinity"), ("jensen_shannon_divergence", "Jensen-Shannon")):
            if comparator.HasField(measure):
                yield f"{against} {name} {getattr(comparator, measure).threshold:g}"


def _text(value: Any) -> str:
    return (", ".join(value) if isinstance(value, list) else str(value)) or "none"
