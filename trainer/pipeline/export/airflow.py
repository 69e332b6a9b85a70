"""A DAG file for Apache Airflow (2.11 or 3, with its standard provider): one operator a step."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from trainer.pipeline.export.tasks import Surroundings, Task, Volume

_MARKS = ("{{", "{%", "{#")


def dag_file(name: str, tasks: Sequence[Task], around: Surroundings) -> str:
    """Return the file's text: BashOperators, or KubernetesPodOperators where an image is named."""
    return "\n".join([*_head(name, around), *_dag(name, around), *_operators(tasks, around), *_order(tasks), ""])


def _head(name: str, around: Surroundings) -> Iterator[str]:
    yield f'"""The pipeline {name}, one task a step, written by `trainer pipeline export`: export again to change."""'
    yield ""
    yield "from datetime import datetime, timedelta, timezone"
    yield ""
    yield "from airflow import DAG"
    if around.image:
        yield "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator"
        if around.volumes:
            yield "from kubernetes.client import models as k8s"
    else:
        yield "from airflow.providers.standard.operators.bash import BashOperator"
    yield ""
    if around.image and around.volumes:
        yield from _volumes(around.volumes)


def _volumes(volumes: Sequence[Volume]) -> Iterator[str]:
    yield "VOLUMES = ["
    for volume in volumes:
        claim = f"k8s.V1PersistentVolumeClaimVolumeSource(claim_name={volume.claim!r})"
        yield f"    k8s.V1Volume(name={volume.claim!r}, persistent_volume_claim={claim}),"
    yield "]"
    yield "MOUNTS = ["
    yield from (f"    k8s.V1VolumeMount(name={one.claim!r}, mount_path={one.path!r})," for one in volumes)
    yield "]"
    yield ""


def _dag(name: str, around: Surroundings) -> Iterator[str]:
    yield "with DAG("
    yield f"    dag_id={name!r},"
    yield f"    schedule={around.schedule or None!r},"
    yield "    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),"
    yield "    catchup=False,"
    yield "    max_active_runs=1,"
    yield f"    default_args={{'retries': {around.retries}, 'retry_delay': timedelta(minutes=1)}},"
    yield "    tags=['lineside'],"
    yield ") as dag:"


def _operators(tasks: Sequence[Task], around: Surroundings) -> Iterator[str]:
    for task in tasks:
        yield from _pod(task, around) if around.image else _bash(task)


def _bash(task: Task) -> Iterator[str]:
    yield f"    {task.variable} = BashOperator("
    yield f"        task_id={task.step!r},"
    yield f"        bash_command={_verbatim(shlex.join(task.command))!r},"
    yield "    )"


def _pod(task: Task, around: Surroundings) -> Iterator[str]:
    yield f"    {task.variable} = KubernetesPodOperator("
    yield f"        task_id={task.step!r},"
    yield f"        name={task.variable.replace('_', '-')!r},"
    yield f"        image={around.image!r},"
    yield f"        cmds={list(task.command[:1])!r},"
    yield f"        arguments={[_verbatim(word) for word in task.command[1:]]!r},"
    if around.volumes:
        yield "        volumes=VOLUMES,"
        yield "        volume_mounts=MOUNTS,"
    yield "    )"


def _verbatim(text: str) -> str:
    """Keep Airflow's templates from reading what is no template."""
    return f"{{% raw %}}{text}{{% endraw %}}" if any(mark in text for mark in _MARKS) else text


def _order(tasks: Sequence[Task]) -> Iterator[str]:
    names = {task.step: task.variable for task in tasks}
    for task in tasks:
        if task.after:
            yield f"    [{', '.join(names[step] for step in task.after)}] >> {task.variable}"
