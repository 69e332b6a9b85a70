"""The tabular task: rows of sensor readings, by files of CSV, Parquet or TFRecord."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from edge_agent.contracts.recipe import Network, Recipe
from trainer.data.table_source import list_tables
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.step import Artifact, Known, Resolved, Step
from trainer.tabular.files import files_of
from trainer.tasks.delivery import CONVERTS, delivery_steps
from trainer.tasks.order import DATA, Order
from trainer.tasks.resolvers import Making, Resolvers
from trainer.tasks.schema import schema_step
from trainer.tasks.serving import compared_with, seen_step
from trainer.tasks.tuning import with_tuner
from trainer.tasks.variants import check_variants

_HERE = "trainer.components"


class TabularTask:
    """Builds the graph: which component gets what, and what may change before it must run again."""

    def __init__(self, order: Order, driver: Driver) -> None:
        self._order, self._driver = order, driver
        self.recipe, self.settings = order.recipe, order.settings
        check_variants(self.settings.converter.variants, table=True)
        converts = (f"{_HERE}.table_converter", *CONVERTS)
        making = Making(self._split(), (f"{_HERE}.table_trainer",), converts, self._converted(), self._size)
        self._resolvers = Resolvers(order, making, driver)
        self._module = {"module": self.settings.module}
        self._own = (Path(self.settings.module),) if self.settings.module else ()

    def data(self) -> Artifact:
        """List the files of all places with their digests."""
        return list_tables(self._order.folders, self._driver.store, self._driver.index, time.time_ns, self._order.spans)

    def graph(self) -> Graph:
        """Return all steps in order."""
        steps = [*self._data_steps(), *self._model_steps()]
        steps += delivery_steps(
            self._order, f"{_HERE}.table_converter:table_converter", self._converted(), self._resolvers
        )
        return build_graph(self.recipe.name, steps, [DATA])

    def _size(self, _data: Artifact) -> int:
        """Return about how many bytes the examples are: a row takes as much as in its file, at least."""
        return sum(path.stat().st_size for place in self._order.folders for path in files_of(place))

    def _data_steps(self) -> list[Step]:
        settings, labels = self.settings, self.recipe.labels
        rules = {"label": "label", "only_training": ["label"], "always": ["label"], "needed_from": 0.5, "ranges": {}}
        schema, schema_output = schema_step(self._order, labels.names, rules)
        examples = {"examples": "ExampleGen.examples"}
        serving = self._serving()
        return [
            Step(
                "ExampleGen",
                f"{_HERE}.table_example_gen:table_example_gen",
                {"data": DATA},
                {"examples": "Examples"},
                {**self._split(), "max_bad": settings.example_gen.tolerated},
                {"places": self._order.places},
                resolve=self._resolvers.kept,
            ),
            Step(
                "StatisticsGen",
                f"{_HERE}.statistics_gen:statistics_gen",
                examples,
                {"statistics": "ExampleStatistics"},
                {
                    "slices": ["label", *settings.table.slices],
                    "memory_records": settings.statistics_gen.memory_records,
                },
                {"beam": settings.beam.model_dump(mode="json")},
            ),
            schema,
            *serving,
            Step(
                "ExampleValidator",
                f"{_HERE}.example_validator:example_validator",
                {
                    **examples,
                    "statistics": "StatisticsGen.statistics",
                    "schema": schema_output,
                    **compared_with(serving),
                },
                {"anomalies": "ExampleAnomalies"},
                {
                    "label": rules["label"],
                    "good": labels.good,
                    "labels": list(labels.names),
                    "often_constant": ["label", *settings.table.slices],
                    "limits": {**self.settings.blocking, "columns_block": schema_output.startswith("SchemaGen")},
                },
                resolve=self._resolvers.compared,
            ),
            Step(
                "Transform",
                f"{_HERE}.table_transform:table_transform",
                {**examples, "anomalies": "ExampleValidator.anomalies"},
                {"transform_graph": "TransformGraph", "transformed": "Examples"},
                settings.transform.model_dump(mode="json"),
                {**self._module, "beam": settings.beam.model_dump(mode="json")},
                uses=self._own,
            ),
        ]

    def _serving(self) -> list[Step]:
        """Return the step that reads rows of production, if there are any to compare with."""
        place = self.settings.example_validator.serving
        if not place:
            return []
        if self.settings.example_validator.counted:
            return [seen_step(Path(place), self._driver)]

        def listed(_known: Known) -> Resolved:
            return Resolved({"data": list_tables([Path(place)], self._driver.store, self._driver.index, time.time_ns)})

        function = f"{_HERE}.table_serving_gen:table_serving_gen"
        values = {"table": self.settings.table.model_dump(mode="json"), "max_bad": self.settings.example_gen.tolerated}
        inputs, made = {"training": "ExampleGen.examples"}, {"examples": "Examples"}
        places = {"places": [str(Path(place).resolve())]}
        return [Step("ServingExampleGen", function, inputs, made, values, places, resolve=listed)]

    def _model_steps(self) -> list[Step]:
        examples = {"examples": "ExampleGen.examples"}
        transformed = {"transform_graph": "Transform.transform_graph", "transformed": "Transform.transformed"}
        training = self.settings.trainer
        asked = ("steps", "patience", "class_weights", "strategy", "halve_batch")
        chosen = {name: getattr(training, name) for name in asked}
        if training.local_workers:
            chosen["strategy"] = "multi-worker"
        trainer = Step(
            "Trainer",
            f"{_HERE}.table_trainer:table_trainer",
            {**examples, **transformed},
            {"model": "Model"},
            {"recipe": self._trained(), "settings": chosen},
            {
                **self._module,
                "tensorboard": training.tensorboard,
                "local_workers": training.local_workers,
                "warm_wanted": training.warm_start,
            },
            uses=self._own,
            resolve=self._resolvers.warm_start,
        )
        return [
            *with_tuner(self._order, trainer, bool(self.settings.module)),
            Step(
                "Evaluator",
                f"{_HERE}.table_evaluator:table_evaluator",
                {**examples, "model": "Trainer.model"},
                {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
                {"recipe": self._judged(), "settings": self.settings.evaluator.model_dump(mode="json")},
                self._module,
                uses=self._own,
                resolve=self._resolvers.baseline,
            ),
        ]

    def _split(self) -> dict[str, Any]:
        """Return what decides which part is in which split, and what a row is."""
        settings, labels = self.settings, self.recipe.labels
        how = settings.example_gen
        split = {"shares": self.recipe.split.model_dump(), "salt": how.salt, "how": how.split}
        return {"good": labels.good, "table": settings.table.model_dump(mode="json"), **split}

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
        """The recipe as it goes into the bundle, without what only the training reads: older agents know it then."""
        cost = self.settings.evaluator.cost
        delivered = self.recipe.model_copy(update={"blessing": self.recipe.blessing.for_devices()})
        own = {"recipe": delivered.model_dump(mode="json"), **self.settings.converter.model_dump()}
        return own if cost is None else {**own, "cost": cost.model_dump()}
