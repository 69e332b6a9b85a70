"""What was made of the data before these: their splits are kept, and these data are compared with them.

Both rules give a run that is repeated what its first time found, so that it is cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.pipeline.index import Entry

EXAMPLES, STATISTICS = "examples", "statistics"
_SAME = {"shares": None, "salt": None, "near_duplicates": "by-name", "how": "stratified"}
"""Parameters that must agree, with what they were before there was a choice."""


def former_examples(entries: Sequence[Entry], data: str, parameters: Mapping[str, Any]) -> str:
    """Return the digest of the Examples made last of other data under the same labels, shares and salt; "" if none.

    `entries` are ExampleGen's executions, oldest first; `data` is the digest of these data, `parameters` are the
    step's. What came after the first execution on these very data does not count.
    """
    alike = [entry for entry in entries if _alike(entry.parts.parameters, parameters)]
    earlier = _before(alike, data)
    return earlier[-1].outputs[EXAMPLES].digest if earlier else ""


def _before(entries: Sequence[Entry], data: str) -> Sequence[Entry]:
    places = [place for place, entry in enumerate(entries) if entry.parts.inputs.get("data") == data]
    return entries[: places[0]] if places else entries


def _alike(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    labels = [parameters.get("recipe", {}).get("labels") for parameters in (before, now)]
    return labels[0] == labels[1] and all(
        before.get(name, usual) == now.get(name, usual) for name, usual in _SAME.items()
    )


def former_span(entries: Sequence[Entry], examples: str, span: int | None, kept: str) -> str:
    """Return the digest of the Examples to compare with: of the highest span below `span`, else those `kept`.

    `entries` are ExampleGen's executions, `examples` is the digest of these Examples; "" where there is nothing.
    """
    if span is None:
        return kept if kept != examples else ""
    earlier = [
        (int(stored.properties["span"]), place, stored.digest)
        for place, entry in enumerate(entries)
        if (stored := entry.outputs[EXAMPLES]).properties.get("span", span) < span
    ]
    return max(earlier)[2] if earlier else ""


def statistics_of(entries: Sequence[Entry], examples: str) -> str:
    """Return the digest of the statistics that StatisticsGen's executions made of these Examples; "" if none did."""
    found = [entry.outputs[STATISTICS].digest for entry in entries if entry.parts.inputs.get(EXAMPLES) == examples]
    return found[-1] if examples and found else ""
