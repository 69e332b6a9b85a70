"""A Python file for Kubeflow Pipelines v2: run with `kfp` installed, it compiles itself to the pipeline's YAML.

`kfp` cannot live beside TensorFlow 2.16 (it wants a newer protobuf), so that the file is written here and compiled
where `kfp` is. Kubeflow's own cache is switched off: ours names results by content and knows more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline.export.tasks import Surroundings, Task


def pipeline_file(name: str, tasks: Sequence[Task], around: Surroundings) -> str:
    """Return the file's text: one container component a step. Raises ConfigError where no image is named."""
    if not around.image:
        raise ConfigError("--to kubeflow: every step runs in a container; name its image with --image")
    return "\n".join([*_head(name, around), *_components(tasks, around), *_pipeline(name, tasks, around), *_foot(), ""])


def _head(name: str, around: Surroundings) -> Iterator[str]:
    yield f'"""The pipeline {name}, one container a step, written by `trainer pipeline export`.'
    yield ""
    yield "Compile it where kfp is installed: python FILE [pipeline.yaml]"
    yield '"""'
    yield ""
    yield "import sys"
    yield ""
    yield f"from kfp import compiler, dsl{', kubernetes' if around.volumes else ''}"


def _components(tasks: Sequence[Task], around: Surroundings) -> Iterator[str]:
    for task in tasks:
        yield ""
        yield ""
        yield "@dsl.container_component"
        yield f"def {task.variable}():"
        yield "    return dsl.ContainerSpec("
        yield f"        image={around.image!r},"
        yield f"        command={list(task.command[:1])!r},"
        yield f"        args={list(task.command[1:])!r},"
        yield "    )"


def _pipeline(name: str, tasks: Sequence[Task], around: Surroundings) -> Iterator[str]:
    names = {task.step: task.variable for task in tasks}
    yield ""
    yield ""
    yield "def prepared(task):"
    yield f"    task.set_retry(num_retries={around.retries}, backoff_duration='60s')"
    yield "    task.set_caching_options(False)"
    for volume in around.volumes:
        yield f"    kubernetes.mount_pvc(task, pvc_name={volume.claim!r}, mount_path={volume.path!r})"
    yield "    return task"
    yield ""
    yield ""
    yield f"@dsl.pipeline(name={name!r})"
    yield "def pipeline():"
    for task in tasks:
        waits = f".after({', '.join(f'{names[step]}_task' for step in task.after)})" if task.after else ""
        yield f"    {task.variable}_task = prepared({task.variable}().set_display_name({task.step!r})){waits}"


def _foot() -> Iterator[str]:
    yield ""
    yield ""
    yield "if __name__ == '__main__':"
    yield "    compiler.Compiler().compile(pipeline, sys.argv[1] if len(sys.argv) > 1 else 'pipeline.yaml')"
