"""The tabular task: rows of sensor readings, by files of CSV, Parquet or TFRecord."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from edge_agent.contracts.recipe import Network, Recipe
from trainer.components.table_source import list_tables
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.runner import Driver
from trainer.pipeline.step import Artifact, Step
from trainer.tasks.delivery import CONVERTS, delivery_steps
from trainer.tasks.order import DATA, Order
from trainer.tasks.resolvers import Making, Resolvers, text_of

_HERE = "trainer.components"


class TabularTask:
    """Builds the graph: which component gets what, and what may change before it must run again."""

    def __init__(self, order: Order, driver: Driver) -> None:
        self._order, self._driver = order, driver
        self.recipe, self.settings = order.recipe, order.settings
        making = Making((f"{_HERE}.table_trainer",), (f"{_HERE}.table_converter", *CONVERTS), self._converted())
        self._resolvers = Resolvers(order, making, driver.imports)
        self._module = {"module": self.settings.module}
        self._own = (Path(self.settings.module),) if self.settings.module else ()

    def data(self) -> Artifact:
        """List the files of all places with their digests."""
        return list_tables(self._order.folders, self._driver.store, self._driver.index, time.time_ns)

    def graph(self) -> Graph:
        """Return all steps in order."""
        steps = [*self._data_steps(), *self._model_steps()]
        steps += delivery_steps(
            self._order, f"{_HERE}.table_converter:table_converter", self._converted(), self._resolvers
        )
        return build_graph(self.recipe.name, steps, [DATA])

    def _data_steps(self) -> list[Step]:
        settings, labels = self.settings, self.recipe.labels
        reading = settings.example_gen
        seen = {"max_bad": reading.max_bad, "strict": reading.strict, "salt": reading.salt}
        seen |= {"good": labels.good, "shares": self.recipe.split.model_dump()}
        reviewed = text_of(settings.schema_gen.schema_file, "schema_gen.schema_file")
        examples = {"examples": "ExampleGen.examples"}
        return [
            Step(
                "ExampleGen",
                f"{_HERE}.table_example_gen:table_example_gen",
                {"data": DATA},
                {"examples": "Examples"},
                {**seen, "table": settings.table.model_dump(mode="json")},
                {"places": self._order.places},
                resolve=self._resolvers.kept,
            ),
            Step(
                "StatisticsGen",
                f"{_HERE}.statistics_gen:statistics_gen",
                examples,
                {"statistics": "ExampleStatistics"},
            ),
            Step(
                "SchemaGen",
                f"{_HERE}.schema_gen:schema_gen",
                {"statistics": "StatisticsGen.statistics"},
                {"schema": "Schema"},
                {"labels": list(labels.names), "reviewed": reviewed},
            ),
            Step(
                "ExampleValidator",
                f"{_HERE}.example_validator:example_validator",
                {**examples, "statistics": "StatisticsGen.statistics", "schema": "SchemaGen.schema"},
                {"anomalies": "ExampleAnomalies"},
                {"good": labels.good},
            ),
            Step(
                "Transform",
                f"{_HERE}.table_transform:table_transform",
                {**examples, "anomalies": "ExampleValidator.anomalies"},
                {"transform_graph": "TransformGraph", "transformed": "Examples"},
                settings.transform.model_dump(mode="json"),
                self._module,
                uses=self._own,
            ),
        ]

    def _model_steps(self) -> list[Step]:
        examples = {"examples": "ExampleGen.examples"}
        transformed = {"transform_graph": "Transform.transform_graph", "transformed": "Transform.transformed"}
        training = self.settings.trainer
        chosen = {name: getattr(training, name) for name in ("steps", "patience", "class_weights")}
        return [
            Step(
                "Trainer",
                f"{_HERE}.table_trainer:table_trainer",
                {**examples, **transformed},
                {"model": "Model"},
                {"recipe": self._trained(), "settings": chosen},
                {**self._module, "tensorboard": training.tensorboard},
                uses=self._own,
                resolve=self._resolvers.warm_start,
            ),
            Step(
                "Evaluator",
                f"{_HERE}.table_evaluator:table_evaluator",
                {**examples, "model": "Trainer.model"},
                {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
                {"recipe": self._judged()},
                self._module,
                uses=self._own,
                resolve=self._resolvers.baseline,
            ),
        ]

    def _trained(self) -> dict[str, Any]:
        """The recipe as far as it changes the trained model; the size of a picture does not."""
        known, network = self.recipe, self.recipe.network
        learning = Network(
            epochs=network.epochs, batch=network.batch, learning_rate=network.learning_rate, seed=network.seed
        )
        made = Recipe(name="any", task="tabular", labels=known.labels, network=learning, views=known.views)
        return made.model_dump(mode="json")

    def _judged(self) -> dict[str, Any]:
        """The recipe as far as it changes the evaluation."""
        named = {"thresholds": self.recipe.thresholds, "blessing": self.recipe.blessing}
        return {**self._trained(), **{name: value.model_dump(mode="json") for name, value in named.items()}}

    def _converted(self) -> dict[str, Any]:
        return {"recipe": self.recipe.model_dump(mode="json"), **self.settings.converter.model_dump()}
