"""What a run of the pipeline is asked for, as the tasks need it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.contracts.encoding import IDENTIFIER
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe
from trainer.delivery.places import LATEST
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import Graph
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Artifact

DATA = "data"
"""Name of the source that every task has: the listing of its data."""


@dataclass(frozen=True)
class Order:
    """A recipe, how its steps shall work, where results and data lie.

    `spans` says of folders that were chosen by a pattern which span and version they are. `version` is the name of the
    new model's version ("" = the next number), `taken` the fleet's latest release of this model.
    """

    recipe: Recipe
    settings: Settings
    root: Path
    folders: Sequence[Path]
    version: str = ""
    taken: int = 0
    spans: Sequence[Mapping[str, int]] = ()

    @property
    def places(self) -> list[str]:
        """Where the data lies, in the order of the listing."""
        return [str(folder.resolve()) for folder in self.folders]

    @property
    def served(self) -> Path:
        """Folder below which the Pusher's destinations lie."""
        return Path(self.settings.pusher.place) if self.settings.pusher.place else self.root / "served"


class Task(Protocol):
    """One kind of data and the components that work on it."""

    def data(self) -> Artifact:
        """List the data by content. Raises as the reading of the tables does."""

    def graph(self) -> Graph:
        """Return all steps in order."""


def check_version(version: str) -> None:
    """Raise ConfigError for a name that no bundle can bear, or that is the alias beside what is pushed."""
    if version and not re.fullmatch(IDENTIFIER, version):
        raise ConfigError(
            f"--version {version}: a version begins with a-z or 0-9 and has at most 63 of a-z, 0-9, '.', '_', '-'"
        )
    if version == LATEST:
        raise ConfigError(f"--version {LATEST}: that is the alias of the newest version; give another name")


def task_of(order: Order, driver: Driver) -> Task:
    """Return the task that the recipe names. Raises as the task does for settings that do not fit it."""
    if order.recipe.task == "tabular":
        from trainer.tasks.tabular import TabularTask

        return TabularTask(order, driver)
    from trainer.tasks.vision import VisionTask

    return VisionTask(order, driver)
