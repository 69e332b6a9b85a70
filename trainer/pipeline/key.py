"""When a step must run again: its key, and what changed since another one. Rules only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_agent.contracts.encoding import canonical_json, digest_bytes

_SHOWN = 60


@dataclass(frozen=True)
class Parts:
    """Everything a step's result depends on. `inputs` maps a keyword to the content digest ("" = absent)."""

    function: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    code: Mapping[str, str]
    libraries: Mapping[str, str]

    @property
    def key(self) -> str:
        """The cache key: no name of a run, no path, no time is in it."""
        return digest_bytes(canonical_json(asdict(self)))

    @property
    def code_digest(self) -> str:
        """Digest of the code alone."""
        return digest_bytes(canonical_json(dict(self.code)))

    @property
    def environment_digest(self) -> str:
        """Digest of the library versions alone."""
        return digest_bytes(canonical_json(dict(self.libraries)))


def differences(before: Parts, now: Parts) -> list[str]:
    """Say what changed, one line a thing: code files first, then libraries, parameters and inputs."""
    lines = [*_changed("file", before.code, now.code, _no_values)]
    lines += _changed("library", before.libraries, now.libraries, _values)
    lines += _changed("parameter", flat(before.parameters), flat(now.parameters), _values)
    lines += _changed("input", before.inputs, now.inputs, _digests)
    if dict(before.outputs) != dict(now.outputs) or before.function != now.function:
        lines.append("the step itself was defined anew")
    return lines


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    if not isinstance(values, Mapping):
        return {prefix: values}
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}.{name}" if prefix else str(name))
    return found


def _changed(kind: str, before: Mapping[str, Any], now: Mapping[str, Any], shown: Any) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if name not in before:
            yield f"{kind} {name} is new"
        elif name not in now:
            yield f"{kind} {name} is gone"
        elif before[name] != now[name]:
            yield f"{kind} {name} changed{shown(before[name], now[name])}"


def _no_values(_before: Any, _now: Any) -> str:
    return ""


def _values(before: Any, now: Any) -> str:
    return f" from {str(before)[:_SHOWN]} to {str(now)[:_SHOWN]}"


def _digests(before: Any, now: Any) -> str:
    return f" from {str(before)[:12] or 'absent'} to {str(now)[:12] or 'absent'}"
