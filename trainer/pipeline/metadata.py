"""Lineage in ML Metadata as TFX writes it: artifacts, executions, events and contexts.

ML Metadata is imported only when a step executes; a run in which all is cached never opens it. Threads and processes
may use one store at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.lock import file_lock
from trainer.pipeline.metadata_records import base_type, event_of, property_types, set_value, split_events
from trainer.pipeline.metadata_types import (
    ARTIFACT_BASES,
    ARTIFACT_PROPERTIES,
    NODE,
    PIPELINE,
    PIPELINE_RUN,
    artifact_properties,
    custom_properties,
    execution_type,
)
from trainer.pipeline.metadata_url import parse_url, without_password
from trainer.pipeline.step import Artifact, Step

FILE = "metadata.sqlite"
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)
Answer = TypeVar("Answer")


class Metadata:
    """The store of one root. `url` may name a MySQL database instead (mysql://user@host/database).

    Several roots may share a database; within a root one writes at a time.
    """

    def __init__(self, root: Path, url: str = "") -> None:
        from ml_metadata import metadata_store

        self._root, self._url = root, url
        self._guard = threading.RLock()
        self._types: dict[tuple[str, str], int] = {}
        connection = _connection(root, url)
        self._store = self._do(lambda: metadata_store.MetadataStore(connection))

    def begin(
        self,
        step: Step,
        inputs: Mapping[str, Artifact | None],
        key: str,
        pipeline: str,
        run: str,
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Record that the step runs (state RUNNING) with its inputs and parameters; return the execution's id."""
        return self._do(lambda: self._begin(step, inputs, key, pipeline, run, parameters or {}))

    def complete(self, execution: int, outputs: Mapping[str, Artifact]) -> None:
        """Record the outputs and the state COMPLETE in one transaction; without effect where that was done."""
        self._do(lambda: self._complete(execution, outputs))

    def fail(self, execution: int, cancelled: bool = False) -> None:
        """Record that it ended without a result: FAILED, or CANCELED when its process was killed."""
        self._do(lambda: self._fail(execution, cancelled))

    def mark_deleted(self, folder: Path) -> None:
        """Record of every artifact that lies below `folder` no more that it is gone (state DELETED)."""
        self._do(lambda: self._mark_deleted(f"{folder.resolve()}{os.sep}"))

    def _do(self, call: Callable[[], Answer]) -> Answer:
        """Make a call in its turn, again where the database asks for it. Raises Unavailable when it refuses."""
        from ml_metadata import errors

        for pause in (*_PAUSES_S, None):
            try:
                with self._guard, file_lock(self._root / "locks" / "metadata"):
                    return call()
            except (errors.AbortedError, errors.AlreadyExistsError) as error:
                if pause is None:
                    raise self._refused(error) from None
                time.sleep(pause)
            except (errors.StatusError, RuntimeError) as error:
                raise self._refused(error) from None
        raise AssertionError("the last pause raises")

    def _refused(self, error: Exception) -> Unavailable:
        where = without_password(self._url) or str(self._root / FILE)
        told = str(error)
        secret = parse_url(self._url, os.environ).password if self._url else ""
        told = told.replace(secret, "***") if secret else told
        return Unavailable(f"ML Metadata in {where} cannot be used ({told}); check the file or the URL")

    def _begin(
        self,
        step: Step,
        inputs: Mapping[str, Artifact | None],
        key: str,
        pipeline: str,
        run: str,
        parameters: Mapping[str, Any],
    ) -> int:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        execution = mlmd.Execution(type_id=self._execution_type(step.name), last_known_state=mlmd.Execution.RUNNING)
        for name, value in {**parameters, "lineside_key": key, "lineside_function": step.function}.items():
            set_value(execution.custom_properties[name], value)
        pairs = self._pairs(mlmd.Event.INPUT, {n: a for n, a in inputs.items() if a is not None}, step.name, {})
        names = ((PIPELINE, pipeline), (PIPELINE_RUN, run), (NODE, f"{pipeline}.{step.name}"))
        contexts = [mlmd.Context(type_id=self._type("context", kind), name=name) for kind, name in names]
        number, _, _ = self._store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        return int(number)

    def _complete(self, execution: int, outputs: Mapping[str, Artifact]) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        found = self._store.get_executions_by_id([execution])[0]
        if found.last_known_state == mlmd.Execution.COMPLETE:
            return
        found.last_known_state = mlmd.Execution.COMPLETE
        contexts = self._store.get_contexts_by_execution(execution)
        node = next((c.name for c in contexts if c.type_id == self._type("context", NODE)), "")
        events = self._store.get_events_by_execution_ids([execution])
        known = {a.id: a.uri for a in self._store.get_artifacts_by_id([e.artifact_id for e in events])}
        uses = {name: (known[event.artifact_id], event.artifact_id) for event, name in split_events(events)}
        pairs = self._pairs(mlmd.Event.OUTPUT, outputs, node.rpartition(".")[2], uses)
        self._store.put_execution(found, pairs, contexts, reuse_context_if_already_exist=True)

    def _fail(self, execution: int, cancelled: bool) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        found = self._store.get_executions_by_id([execution])
        for one in found:
            one.last_known_state = mlmd.Execution.CANCELED if cancelled else mlmd.Execution.FAILED
        self._store.put_executions(found)

    def _mark_deleted(self, folder: str) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        live = [a for a in self._store.get_artifacts() if a.state == mlmd.Artifact.LIVE and a.uri.startswith(folder)]
        gone = [artifact for artifact in live if not Path(artifact.uri).exists()]
        for artifact in gone:
            artifact.state = mlmd.Artifact.DELETED
        if gone:
            self._store.put_artifacts(gone)

    def _pairs(
        self, kind: int, artifacts: Mapping[str, Artifact], step: str, uses: Mapping[str, tuple[str, int]]
    ) -> list[tuple[Any, Any]]:
        """Return each artifact with its event; one that goes by several names has one event with all of them."""
        names: dict[tuple[str, str], list[str]] = {}
        for name, artifact in artifacts.items():
            names.setdefault((artifact.type, artifact.digest), []).append(name)
        by_name = [artifacts[same[0]] for same in names.values()]
        return [
            (self._artifact(artifact, step, uses), event_of(kind, same))
            for artifact, same in zip(by_name, names.values(), strict=True)
        ]

    def _artifact(self, artifact: Artifact, step: str, uses: Mapping[str, tuple[str, int]]) -> Any:
        """Return the artifact's record, the existing one where the same content is known."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        number = self._artifact_type(artifact.type)
        uri = str(artifact.path.resolve())
        for known in self._store.get_artifacts_by_uri(uri):
            if known.type_id == number:
                known.state = mlmd.Artifact.LIVE
                return known
        record = mlmd.Artifact(type_id=number, uri=uri, state=mlmd.Artifact.LIVE)
        for name, value in artifact_properties(artifact.type, artifact.path, artifact.properties).items():
            set_value(record.properties[name], value)
        custom = {**artifact.properties, **custom_properties(artifact.type, artifact.properties, uses)}
        for name, value in {**custom, "digest": artifact.digest, "producer_component": step}.items():
            set_value(record.custom_properties[name], value)
        return record

    def _artifact_type(self, name: str) -> int:
        return self._type("artifact", name, ARTIFACT_PROPERTIES.get(name, {}), ARTIFACT_BASES.get(name, ""))

    def _execution_type(self, step: str) -> int:
        name, base = execution_type(step)
        return self._type("execution", name, base=base)

    def _type(self, kind: str, name: str, properties: Mapping[str, str] | None = None, base: str = "") -> int:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        if (kind, name) not in self._types:
            put, made = {
                "artifact": (self._store.put_artifact_type, mlmd.ArtifactType),
                "execution": (self._store.put_execution_type, mlmd.ExecutionType),
                "context": (self._store.put_context_type, mlmd.ContextType),
            }[kind]
            record = made(name=name, properties=property_types(properties or {}))
            if base:
                record.base_type = base_type(kind, base)
            self._types[kind, name] = int(put(record, can_add_fields=True, can_omit_fields=True))
        return self._types[kind, name]


def _connection(root: Path, url: str) -> Any:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    config = mlmd.ConnectionConfig()
    if not url:
        config.sqlite.filename_uri = str(root / FILE)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    server = parse_url(url, os.environ)
    config.mysql.user, config.mysql.password, config.mysql.database = server.user, server.password, server.database
    if server.socket:
        config.mysql.socket = server.socket
    else:
        config.mysql.host, config.mysql.port = server.host, server.port
    return config
