"""The pipeline of a recipe as a file for Airflow or Kubeflow Pipelines."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.pipeline import recipes
from trainer.pipeline.cache import write_atomically
from trainer.pipeline.driver import Driver
from trainer.pipeline.export.airflow import dag_file
from trainer.pipeline.export.kubeflow import pipeline_file
from trainer.pipeline.export.tasks import Surroundings, tasks_of
from trainer.pipeline.metadata_url import without_password
from trainer.request import Request
from trainer.run import task_for

WRITERS = {"airflow": dag_file, "kubeflow": pipeline_file}


def export_pipeline(request: Request, orchestrator: str, around: Surroundings, out: Path) -> dict[str, Any]:
    """Write the file and return `file, to, steps`.

    Data and root are named as the tasks will see them: they need not exist here. Raises ConfigError as the settings do.
    """
    _check_use(orchestrator, around)
    recipe, chosen = recipes.load(request.recipe, request.assignments)
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(Path(folder))
        try:
            graph = task_for(replace(request, root=Path(folder)), recipe, chosen, driver).graph()
        finally:
            driver.close()
    tasks = tasks_of(graph, shared_words(request))
    write_atomically(out, WRITERS[orchestrator](recipe.name, tasks, around).encode())
    return {"file": str(out), "to": orchestrator, "steps": [task.step for task in tasks]}


def _check_use(orchestrator: str, around: Surroundings) -> None:
    """Raise ConfigError for what the file would leave out without a word."""
    if around.schedule and orchestrator != "airflow":
        raise ConfigError(f"--schedule {around.schedule} is Airflow's; plan recurring runs in {orchestrator} itself")
    if around.volumes and not around.image:
        raise ConfigError("--volume is mounted into containers; name their image with --image")


def shared_words(request: Request) -> list[str]:
    """Return the options of `trainer pipeline run` that describe the request, with whole paths and no password."""
    words = ["--recipe", request.whole_recipe, "--root", str(request.root.absolute())]
    words += [word for folder in request.folders for word in ("--data", str(folder.absolute()))]
    words += [word for text in request.assignments for word in ("--set", without_password(text))]
    return [*words, "--version", request.version] if request.version else words
