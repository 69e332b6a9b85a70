import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.commands.beam import beam_assignments
from trainer.pipeline.recipes import load


def test_runner_and_options_become_settings():
    said = beam_assignments("flink", ["job_endpoint=localhost:8099", "parallelism=4", "flink_submit_uber_jar=true"])
    _, settings = load("machined-surface", said)
    assert settings.beam.runner == "flink"
    expected = {"job_endpoint": "localhost:8099", "parallelism": 4, "flink_submit_uber_jar": True}
    assert settings.beam.options == expected
    assert beam_assignments("", []) == ()
    with pytest.raises(ConfigError, match="expected KEY=VALUE"):
        beam_assignments("", ["parallelism"])


@pytest.mark.parametrize(("runner", "missing"), [("flink", "job_endpoint"), ("dataflow", "project")])
def test_a_runner_without_what_it_needs_is_refused_before_anything_runs(runner, missing):
    with pytest.raises(ConfigError, match=f"runner {runner} needs the option '{missing}'"):
        load("machined-surface", beam_assignments(runner, []))
