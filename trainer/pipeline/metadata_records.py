"""Small parts of ML Metadata's records: values, events, property types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def event_of(kind: int, names: Sequence[str]) -> Any:
    """Return an event whose path is each name and its index, as tfx/orchestration/portable/mlmd/event_lib.py has it."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    event = mlmd.Event(type=kind)
    for name in names:
        event.path.steps.add().key = name
        event.path.steps.add().index = 0
    return event


def split_events(events: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Yield each input event with each of its names."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    for event in events:
        if event.type == mlmd.Event.INPUT:
            yield from ((event, step.key) for step in event.path.steps if step.HasField("key"))


def property_types(types: Mapping[str, str]) -> dict[str, int]:
    """Turn names of property types into ML Metadata's numbers."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    return {name: int(mlmd.PropertyType.Value(kind)) for name, kind in types.items()}


def base_type(kind: str, name: str) -> int:
    """Return the number of one of ML Metadata's own (system) types, such as DATASET or TRAIN."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    owner = mlmd.ArtifactType if kind == "artifact" else mlmd.ExecutionType
    return int(owner.SystemDefinedBaseType.Value(name))


def set_value(target: Any, value: Any) -> None:
    """Write a property: numbers and texts as they are, all else as JSON."""
    if isinstance(value, bool | int):
        target.int_value = int(value)
    elif isinstance(value, float):
        target.double_value = value
    else:
        target.string_value = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
