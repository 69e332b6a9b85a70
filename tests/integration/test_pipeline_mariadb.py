"""Lineage in a real MariaDB, read with plain `ml_metadata` and nothing of ours."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as mlmd

from edge_agent.contracts.errors import Unavailable
from tests.simulators.mariadb import PASSWORD, mariadb
from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.metadata import Metadata
from trainer.pipeline.metadata_url import PASSWORD as VARIABLE
from trainer.pipeline.metadata_url import without_password

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url():
    # Not below pytest's own folder, which nobody but its owner may enter.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as folder, mariadb(Path(folder)) as address:
        yield address


@pytest.fixture(scope="module")
def ran(url, tmp_path_factory):
    """Steps with TFX's names, run by two processes at once; the password comes from the environment."""
    toy = make_toy(tmp_path_factory.mktemp("toy"))
    path = os.pathsep.join([str(toy.home), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, "PYTHONPATH": path, VARIABLE: PASSWORD}
    command = [sys.executable, "-m", "tests.simulators.toy_command", str(toy.folder), "--tfx"]
    command += ["--metadata-url", without_password(url)]
    both = [
        subprocess.Popen(command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    return toy


@pytest.fixture(scope="module")
def store(url, ran):
    parts = urlsplit(url)
    config = mlmd.ConnectionConfig()
    config.mysql.host, config.mysql.port = parts.hostname, parts.port
    config.mysql.user, config.mysql.password = parts.username, parts.password
    config.mysql.database = parts.path.strip("/")
    return MetadataStore(config)


def test_types_are_those_of_tfx(store):
    kinds = {kind.name: kind for kind in store.get_artifact_types()}
    assert dict(kinds["Examples"].properties) == {"span": mlmd.INT, "version": mlmd.INT, "split_names": mlmd.STRING}
    assert kinds["Examples"].base_type == mlmd.ArtifactType.DATASET
    assert dict(kinds["ExampleStatistics"].properties) == {"span": mlmd.INT, "split_names": mlmd.STRING}
    executions = {kind.name: kind.base_type for kind in store.get_execution_types()}
    assert executions["tfx.components.statistics_gen.component.StatisticsGen"] == mlmd.ExecutionType.PROCESS
    assert executions["tfx.components.trainer.component.Trainer"] == mlmd.ExecutionType.TRAIN
    assert {kind.name for kind in store.get_context_types()} == {"pipeline", "pipeline_run", "node"}


def test_from_the_model_back_to_the_data_with_plain_ml_metadata(store):
    (model,) = store.get_artifacts_by_type("Model")
    assert model.state == mlmd.Artifact.LIVE
    assert Path(model.uri).is_dir()
    (made,) = store.get_events_by_artifact_ids([model.id])
    assert [(step.key, step.index) for step in made.path.steps] == [("model", 0), ("", 0)]
    (execution,) = store.get_executions_by_id([made.execution_id])
    assert execution.last_known_state == mlmd.Execution.COMPLETE
    used = [e for e in store.get_events_by_execution_ids([execution.id]) if e.type == mlmd.Event.INPUT]
    (examples,) = store.get_artifacts_by_id([event.artifact_id for event in used])
    assert json.loads(examples.properties["split_names"].string_value) == ["eval", "train"]
    assert examples.properties["span"].int_value == 0
    assert examples.custom_properties["tfx_version"].string_value == "1.16.0"
    (source,) = store.get_artifacts_by_type("RawImages")
    graph = store.get_lineage_subgraph(
        mlmd.LineageSubgraphQueryOptions(
            starting_artifacts={"filter_query": f"id = {model.id}"},
            max_num_hops=6,
            direction=mlmd.LineageSubgraphQueryOptions.UPSTREAM,
        )
    )
    assert source.id in {artifact.id for artifact in graph.artifacts}


def test_two_runs_at_once_have_one_execution_a_step_in_three_contexts(store):
    states = [execution.last_known_state for execution in store.get_executions()]
    assert states == [mlmd.Execution.COMPLETE] * 3
    (trained,) = store.get_executions_by_type("tfx.components.trainer.component.Trainer")
    names = {c.type: c.name for c in store.get_contexts_by_execution(trained.id)}
    assert names["pipeline"] == "toy"
    assert names["node"] == "toy.Trainer"
    assert names["pipeline_run"] in {"19700101-000001", "19700101-000001-2"}


def test_the_password_is_nowhere(ran):
    for path in ran.root.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_a_refused_connection_is_one_line_without_the_password(url, tmp_path):
    with pytest.raises(Unavailable) as caught:
        Metadata(tmp_path, url.replace(PASSWORD, "wrong-" + PASSWORD))
    assert "mysql://lineside@127.0.0.1" in str(caught.value)
    assert PASSWORD not in str(caught.value)
