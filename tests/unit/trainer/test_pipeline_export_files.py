from pathlib import Path

import pytest

from edge_agent.contracts.errors import ConfigError
from trainer.export import export_pipeline, shared_words
from trainer.pipeline.export.airflow import dag_file
from trainer.pipeline.export.kubeflow import pipeline_file
from trainer.pipeline.export.tasks import Surroundings, Task, Volume, tasks_of, volume_of
from trainer.pipeline.graph import build_graph
from trainer.pipeline.step import Step
from trainer.request import Request

GRAPH = build_graph(
    "any",
    [
        Step("ExampleGen", "m:f", {"data": "data"}, {"examples": "Examples"}),
        Step("Trainer", "m:f", {"examples": "ExampleGen.examples", "data": "data"}, {"model": "Model"}),
        Step(
            "InfraValidator", "m:f", {"m": "Trainer.model", "e": "ExampleGen.examples"}, {"blessing": "InfraBlessing"}
        ),
    ],
    ["data"],
)


def test_a_task_waits_for_the_steps_whose_outputs_it_takes():
    tasks = tasks_of(GRAPH, ["--root", "/r"])
    assert [task.after for task in tasks] == [(), ("ExampleGen",), ("ExampleGen", "Trainer")]
    assert tasks[2].command == ("trainer", "pipeline", "run", "--only", "InfraValidator", "--root", "/r", "--json")
    assert [task.variable for task in tasks] == ["example_gen", "trainer", "infra_validator"]


@pytest.mark.parametrize("text", ["lineside", "lineside:data", ":/data", "Line:/data"])
def test_a_volume_that_names_no_claim_and_place_is_refused(text):
    with pytest.raises(ConfigError, match="expected CLAIM:/PATH"):
        volume_of(text)
    assert volume_of("lineside:/mnt/x") == Volume("lineside", "/mnt/x")


def test_kubeflow_needs_an_image():
    with pytest.raises(ConfigError, match="--image"):
        pipeline_file("any", tasks_of(GRAPH, []), Surroundings())


@pytest.mark.parametrize("around", [Surroundings(), Surroundings("i:1"), Surroundings("i:1", (Volume("c", "/c"),))])
def test_both_files_are_python(around):
    tasks = tasks_of(GRAPH, ["--set", 'module=it\'s "here"'])
    compile(dag_file("any", tasks, around), "dag.py", "exec")
    if around.image:
        compile(pipeline_file("any", tasks, around), "pipeline.py", "exec")


def test_what_looks_like_a_template_of_airflow_is_kept():
    task = Task("One", (), ("trainer", "--set", "x={{ y }}"))
    text = dag_file("any", [task], Surroundings())
    assert "{% raw %}trainer --set 'x={{ y }}'{% endraw %}" in text.replace("\\'", "'")


def test_no_password_stands_in_a_file():
    asked = Request("turned-part", (Path("/d"),), Path("/r"), ("metadata_url=mysql://line:secret@db/lineage",))
    assert "metadata_url=mysql://line@db/lineage" in shared_words(asked)


@pytest.mark.parametrize(
    ("orchestrator", "around", "said"),
    [
        ("kubeflow", Surroundings(image="i", schedule="@daily"), "--schedule @daily is Airflow's"),
        ("airflow", Surroundings(volumes=(Volume("claim", "/m"),)), "name their image with --image"),
    ],
)
def test_what_the_file_would_leave_out_is_refused(tmp_path, orchestrator, around, said):
    asked = Request("turned-part", (tmp_path,), tmp_path / "root")
    with pytest.raises(ConfigError, match=said):
        export_pipeline(asked, orchestrator, around, tmp_path / "dag.py")
    assert not (tmp_path / "dag.py").exists()
