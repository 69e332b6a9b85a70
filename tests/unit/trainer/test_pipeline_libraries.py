"""What is imported ahead of the steps that need it, and the process that is forked for the conversions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import wait_for
from trainer.pipeline.closure import Imports
from trainer.pipeline.graph import build_graph
from trainer.pipeline.libraries import need_tensorflow, to_import
from trainer.pipeline.selection import Role
from trainer.pipeline.step import Step
from trainer.pipeline.tocome import ToCome

HERE = "trainer.components"
STEPS = [
    Step("ExampleGen", f"{HERE}.table_example_gen:table_example_gen", {"data": "data"}, {"examples": "Examples"}),
    Step("StatisticsGen", f"{HERE}.statistics_gen:x", {"e": "ExampleGen.examples"}, {"statistics": "Statistics"}),
    Step("Transform", f"{HERE}.table_transform:x", {"s": "StatisticsGen.statistics"}, {"graph": "TransformGraph"}),
    Step(
        "Converter", f"{HERE}.table_converter:x", {"g": "Transform.graph"}, {"b": "Bundle"}, runs=("converter.child",)
    ),
    Step("Pusher", f"{HERE}.pusher:pusher", {"b": "Converter.b"}, {"p": "Pushed"}),
]
GRAPH = build_graph("made up", STEPS, ["data"])


def ahead_of(name: str, beside: bool, left: tuple[str, ...] = ()) -> tuple[list[str], bool] | None:
    chosen = {step.name: Role.LEFT if step.name in left else Role.RUN for step in STEPS}
    return ToCome(GRAPH, chosen, Imports()).preparation(GRAPH.step(name), beside)


def test_beside_the_first_step_is_imported_what_the_next_one_needs() -> None:
    assert ahead_of("ExampleGen", beside=True) == (["tensorflow_data_validation"], True)
    assert ahead_of("ExampleGen", beside=True, left=("StatisticsGen",)) == (["tensorflow_transform.beam"], True)
    assert ahead_of("ExampleGen", beside=True, left=("Converter",)) == (["tensorflow_data_validation"], False)


def test_nothing_is_imported_for_steps_that_are_left_or_that_may_not_need_it() -> None:
    assert ahead_of("ExampleGen", beside=True, left=tuple(step.name for step in STEPS[1:])) is None
    assert ahead_of("Pusher", beside=False) is None
    assert ahead_of("Transform", beside=False, left=("Converter", "Pusher")) is None
    assert ahead_of("Transform", beside=False) == (["tensorflow_transform.beam"], True)


def test_libraries_that_import_tensorflow_count_as_it() -> None:
    assert need_tensorflow({"numpy": "1", "tensorflow-data-validation": "1.16.1"})
    assert not need_tensorflow({"numpy": "1", "tfx-bsl": "1.16.1", "pyarrow": "10"})
    assert to_import({"tensorflow-model-analysis": "", "tensorflow-transform": ""}) == [
        "tensorflow_transform.beam",
        "tensorflow_model_analysis",
    ]


def test_example_gen_can_run_without_tensorflow() -> None:
    code = "\n".join(
        [
            "import sys",
            "import trainer.components.table_example_gen, trainer.components.example_gen",
            "from trainer.data import records, tfrecord, wire",
            "records.decoded([wire.example({'a': wire.float_feature(1.0)})])",
            "sys.exit('tensorflow' in sys.modules)",
        ]
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


FORKED = """
import sys, time
from pathlib import Path
from converter import children
from converter.workshop import Job, Workshop
children.fork_ahead()
first = children._waiting[0].process
children.fork_ahead()
assert len(children._waiting) == 1
if sys.argv[1] == "wait":
    print(first, flush=True)
    time.sleep(600)
with Workshop(Path(sys.argv[2])) as workshop:
    assert workshop._child.process == first
    answer = workshop.run([Job("odd", "no such kind")])["odd"]
    print(answer.code, flush=True)
assert children.take() is None
import os
try:
    os.kill(first, 0)
except ProcessLookupError:
    print("ended", flush=True)
"""


def test_a_child_that_was_forked_ahead_serves_the_workshop_and_ends_with_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, "work", str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.split() == ["CONVERTER_ABORT", "ended"], done.stderr


def test_a_child_that_waits_ends_with_the_process_that_forked_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", FORKED, "wait", str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{child}/fd/0").exists(), 20, "the end of the forked child")
