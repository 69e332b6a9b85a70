"""The reviewed schema of a root: reading it, what the last run made of its data, and writing changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.components.schema_gen import FILE, load_schema, parsed
from trainer.pipeline import recipes
from trainer.pipeline.cache import Store, write_atomically
from trainer.pipeline.runs import RunRecord, Runs

REVIEWED = "schema.pbtxt"
"""File in a root that holds the reviewed schema, unless the setting `schema_gen.schema_file` names another."""
_STEPS = ("ImportSchemaGen", "SchemaGen")


@dataclass(frozen=True)
class Last:
    """The last run of a root that has a schema: what it used and what was found wrong with the data."""

    run: str
    schema: Any
    blocking: tuple[str, ...]
    warnings: tuple[str, ...]
    file: Path


def last_run(root: Path) -> Last:
    """Look the last run up. Raises ConfigError when none came so far as to have a schema."""
    runs, store = Runs(root), Store(root)
    runs.latest()
    for name in reversed(runs.names()):
        record = runs.load(name)
        folder = _output(record, store, _STEPS, "schema")
        if folder is not None and (folder / FILE).is_file():
            found = _output(record, store, ("ExampleValidator",), "anomalies")
            report = json.loads((found / "anomalies.json").read_text(encoding="utf-8")) if found else {}
            blocking, warnings = (tuple(report.get(kind, ())) for kind in ("blocking", "warnings"))
            return Last(name, load_schema(folder), blocking, warnings, reviewed_file(root, record))
    raise ConfigError(f"{root}: no run has made a schema yet; start with 'trainer pipeline run'")


def _output(record: RunRecord, store: Store, steps: tuple[str, ...], name: str) -> Path | None:
    for step in steps:
        found = record.step(step)
        digest = found.outputs.get(name) if found else None
        if digest and store.path(digest).is_dir():
            return store.path(digest)
    return None


def reviewed_file(root: Path, record: RunRecord) -> Path:
    """Return where the reviewed schema lies, or would lie: as the run's settings say, else in the root."""
    _, chosen = recipes.load(record.arguments["recipe"], tuple(record.arguments["assignments"]))
    named = chosen.schema_gen.schema_file
    return Path(named) if named else root / REVIEWED


def current(last: Last) -> Any:
    """Return the schema that counts: the reviewed file where there is one, else what the last run used."""
    if last.file.is_file():
        return parsed(last.file.read_text(encoding="utf-8"), str(last.file))
    return last.schema


def write(schema: Any, file: Path) -> None:
    """Write a schema as text, whole or not at all."""
    from google.protobuf import text_format

    write_atomically(file, text_format.MessageToString(schema).encode())
