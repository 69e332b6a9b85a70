"""Lineage in ML Metadata, with TFX's names of types: artifacts, executions, events and contexts.

ML Metadata is imported only when a step executes; a run in which all is cached never opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.step import Artifact, Step

FILE = "metadata.sqlite"


class Metadata:
    """The store of one root. `url` may name a MySQL database (mysql://user:password@host/database) instead."""

    def __init__(self, root: Path, url: str = "") -> None:
        from ml_metadata import errors, metadata_store

        try:
            self._store = metadata_store.MetadataStore(_connection(root, url))
        except (errors.StatusError, RuntimeError) as error:
            raise Unavailable(f"ML Metadata of {root} cannot be opened ({error}); check the file or the URL") from error
        self._types: dict[tuple[str, str], int] = {}

    def begin(self, step: Step, inputs: Mapping[str, Artifact | None], key: str, pipeline: str, run: str) -> int:
        """Record that the step runs (state RUNNING) with its inputs; return the execution's id."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        execution = mlmd.Execution(
            type_id=self._type("execution", step.name),
            last_known_state=mlmd.Execution.RUNNING,
            name=f"{run}.{step.name}",
        )
        execution.custom_properties["key"].string_value = key
        execution.custom_properties["function"].string_value = step.function
        pairs = [
            (self._artifact(artifact), _event(mlmd.Event.INPUT, name))
            for name, artifact in inputs.items()
            if artifact is not None
        ]
        contexts = [self._context("pipeline", pipeline), self._context("pipeline_run", f"{pipeline}.{run}")]
        contexts.append(self._context("node", f"{pipeline}.{step.name}"))
        number, _, _ = self._store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        return int(number)

    def complete(self, execution: int, outputs: Mapping[str, Artifact]) -> None:
        """Record the outputs and the state COMPLETE in one transaction."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        found = self._store.get_executions_by_id([execution])[0]
        found.last_known_state = mlmd.Execution.COMPLETE
        contexts = self._store.get_contexts_by_execution(execution)
        pairs = [(self._artifact(artifact), _event(mlmd.Event.OUTPUT, name)) for name, artifact in outputs.items()]
        self._store.put_execution(found, pairs, contexts, reuse_context_if_already_exist=True)

    def fail(self, execution: int, cancelled: bool = False) -> None:
        """Record that it ended without a result: FAILED, or CANCELED when its process was killed."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        found = self._store.get_executions_by_id([execution])
        for one in found:
            one.last_known_state = mlmd.Execution.CANCELED if cancelled else mlmd.Execution.FAILED
        self._store.put_executions(found)

    def _artifact(self, artifact: Artifact) -> Any:
        """Return the artifact's record, the existing one where the same content is known."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        number = self._type("artifact", artifact.type)
        uri = f"cas:{artifact.digest}"
        for known in self._store.get_artifacts_by_uri(uri):
            if known.type_id == number:
                return known
        record = mlmd.Artifact(type_id=number, uri=uri, state=mlmd.Artifact.LIVE)
        record.custom_properties["digest"].string_value = artifact.digest
        for name, value in artifact.properties.items():
            _set(record.custom_properties[name], value)
        return record

    def _context(self, kind: str, name: str) -> Any:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        return mlmd.Context(type_id=self._type("context", kind), name=name)

    def _type(self, kind: str, name: str) -> int:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        if (kind, name) not in self._types:
            put, made = {
                "artifact": (self._store.put_artifact_type, mlmd.ArtifactType),
                "execution": (self._store.put_execution_type, mlmd.ExecutionType),
                "context": (self._store.put_context_type, mlmd.ContextType),
            }[kind]
            self._types[kind, name] = int(put(made(name=name)))
        return self._types[kind, name]


def _connection(root: Path, url: str) -> Any:
    from urllib.parse import unquote, urlsplit

    from ml_metadata.proto import metadata_store_pb2 as mlmd

    config = mlmd.ConnectionConfig()
    if not url:
        config.sqlite.filename_uri = str(root / FILE)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    parts = urlsplit(url)
    config.mysql.host, config.mysql.port = parts.hostname or "127.0.0.1", parts.port or 3306
    config.mysql.user, config.mysql.password = unquote(parts.username or ""), unquote(parts.password or "")
    config.mysql.database = parts.path.strip("/")
    return config


def _event(kind: int, name: str) -> Any:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    event = mlmd.Event(type=kind)
    event.path.steps.add().key = name
    event.path.steps.add().index = 0
    return event


def _set(target: Any, value: Any) -> None:
    if isinstance(value, bool | int):
        target.int_value = int(value)
    elif isinstance(value, float):
        target.double_value = value
    else:
        import json

        target.string_value = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
