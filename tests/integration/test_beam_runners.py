"""Beam's runners by option: the same result in one process and in several, and options that Beam itself checks."""

import socket
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PortableOptions,
    SparkRunnerOptions,
    WorkerOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner

from edge_agent.contracts.errors import ConfigError, Unavailable
from trainer.beam.options import pipeline_options
from trainer.beam.pipelines import pipeline_with, runner_of
from trainer.components.statistics_gen import in_memory, on_beam
from trainer.data.examples import TEXTS, Example, write_shard

pytestmark = pytest.mark.slow
MANY = {"runner": "direct", "options": {"direct_num_workers": 2, "direct_running_mode": "multi_processing"}}


def examples(folder: Path) -> Path:
    import numpy as np

    rng = np.random.default_rng(1)

    def one(number: int) -> Example:
        image = rng.integers(0, 255, (8, 8, 1), np.uint8)
        texts = {name: f"{name}{number % 3}" for name in TEXTS}
        return Example(image, np.zeros((8, 8), np.uint8), False, texts, tuple(rng.random(5)))

    write_shard(map(one, range(60)), folder / "Split-train" / "data_tfrecord-00000-of-00001")
    return folder


def test_statistics_are_the_same_in_memory_in_one_process_and_in_several(tmp_path):
    made = examples(tmp_path)
    expected = in_memory(made, "train", ["label"])
    assert on_beam(made, "train", ["label"]) == expected
    assert on_beam(made, "train", ["label"], MANY) == expected


def test_the_runner_is_built_here_so_that_beam_downloads_none():
    assert isinstance(pipeline_with({}).runner, FnApiRunner)
    several = pipeline_with(MANY)
    assert isinstance(several.runner, FnApiRunner)
    assert several._options.view_as(DirectOptions).direct_num_workers == 2


def test_beam_takes_the_options_of_every_runner():
    flink = pipeline_options({"job_endpoint": "h:1", "flink_master": "h:2", "parallelism": 4})
    assert flink.view_as(FlinkRunnerOptions).parallelism == 4
    assert flink.view_as(PortableOptions).job_endpoint == "h:1"
    spark = pipeline_options(
        {"job_endpoint": "h:1", "spark_master_url": "spark://h:7077", "environment_type": "DOCKER"}
    )
    assert spark.view_as(SparkRunnerOptions).spark_master_url == "spark://h:7077"
    google = {"project": "p", "region": "europe-west1", "temp_location": "gs://b/t", "max_num_workers": 9}
    dataflow = pipeline_options({**google, "streaming": False})
    assert dataflow.view_as(GoogleCloudOptions).region == "europe-west1"
    assert dataflow.view_as(WorkerOptions).max_num_workers == 9


@pytest.mark.parametrize(
    ("options", "said"),
    [({"paralelism": 4}, "did you mean 'parallelism'"), ({"parallelism": "many"}, "invalid int value: 'many'")],
)
def test_what_beam_does_not_take_is_told_in_one_line(options, said):
    with pytest.raises(ConfigError, match=said) as raised:
        pipeline_options(options)
    assert "\n" not in str(raised.value)


def test_a_job_server_that_is_not_there_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"no job server of flink at 127.0.0.1:{port}"):
            pipeline_with({"runner": "flink", "options": {"job_endpoint": f"127.0.0.1:{port}"}})
        taken.listen()
        options = pipeline_options({"job_endpoint": f"127.0.0.1:{port}"})
        assert isinstance(runner_of("spark", options), PortableRunner)
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        pipeline_with({"runner": "spark", "options": {"job_endpoint": "somewhere"}})


def test_dataflow_runs_on_google_s_own_runner():
    assert type(runner_of("dataflow", pipeline_options({}))).__name__ == "DataflowRunner"
