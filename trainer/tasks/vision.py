"""The vision task: pictures of parts, by folders with a `labels.csv`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from edge_agent.contracts.encoding import digest_file
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Camera, Colour, Network, Recipe
from trainer.data.source import list_data
from trainer.own_code import OWN_CODE
from trainer.pipeline.driver import Driver
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.step import Artifact, Known, Resolved, Step
from trainer.tasks.delivery import CONVERTS, delivery_steps
from trainer.tasks.order import DATA, Order
from trainer.tasks.resolvers import Making, Resolvers
from trainer.tasks.schema import schema_step
from trainer.tasks.serving import compared_with, seen_step
from trainer.tasks.tuning import with_tuner
from trainer.tasks.variants import check_variants
from trainer.vision.data_rules import OFTEN_CONSTANT, SCHEMA_RULES
from trainer.vision.known_backbones import check, weights_file

_HERE = "trainer.components"


class VisionTask:
    """Builds the graph: which component gets what, and what may change before it must run again."""

    def __init__(self, order: Order, driver: Driver) -> None:
        self._order, self._driver = order, driver
        self.recipe, self.settings = order.recipe, order.settings
        check_variants(self.settings.converter.variants, table=False)
        check(self.recipe.network.backbone, self.recipe.network.weights)
        if self.recipe.network.backbone == OWN_CODE and not self.settings.module:
            raise ConfigError(
                f"network.backbone is '{OWN_CODE}', and no pipeline.module is named; name the file that has the "
                "build_model (docs/own-code.md)"
            )
        self._module = {"module": self.settings.module} if self.settings.module else {}
        self._own = (Path(self.settings.module),) if self.settings.module else ()
        converts = (f"{_HERE}.converter", *CONVERTS)
        making = Making(self._split(), (f"{_HERE}.trainer",), converts, self._converted(), self._size)
        self._resolvers = Resolvers(order, making, driver)

    def data(self) -> Artifact:
        """List the pictures of all folders with their digests."""
        order, driver = self._order, self._driver
        return list_data(order.folders, driver.store, driver.index, time.time_ns, order.spans)

    def graph(self) -> Graph:
        """Return all steps in order."""
        steps = [*self._data_steps(), *self._model_steps()]
        steps += delivery_steps(self._order, f"{_HERE}.converter:converter", self._converted(), self._resolvers)
        return build_graph(self.recipe.name, steps, [DATA])

    def _size(self, data: Artifact) -> int:
        """Return about how many bytes the examples are: each picture as the model sees it, and its mask."""
        network, channels = self.recipe.network, 1 if self.recipe.camera.colour is Colour.GREY else 3
        return int(data.properties["pictures"]) * network.height * network.width * (channels + 1)

    def _data_steps(self) -> list[Step]:
        labels = list(self.recipe.labels.names)
        schema, schema_output = schema_step(self._order, labels, SCHEMA_RULES)
        serving = self._serving()
        return [
            Step(
                "ExampleGen",
                f"{_HERE}.example_gen:example_gen",
                {"data": DATA},
                {"examples": "Examples"},
                {**self._split(), "max_bad": self.settings.example_gen.tolerated},
                {"folders": self._order.places},
                resolve=self._resolvers.kept,
            ),
            Step(
                "StatisticsGen",
                f"{_HERE}.statistics_gen:statistics_gen",
                {"examples": "ExampleGen.examples"},
                {"statistics": "ExampleStatistics"},
                {"slices": self.settings.sliced_by, "memory_records": self.settings.statistics_gen.memory_records},
                {"beam": self.settings.beam.model_dump(mode="json")},
            ),
            schema,
            *serving,
            Step(
                "ExampleValidator",
                f"{_HERE}.example_validator:example_validator",
                {
                    "examples": "ExampleGen.examples",
                    "statistics": "StatisticsGen.statistics",
                    "schema": schema_output,
                    **compared_with(serving),
                },
                {"anomalies": "ExampleAnomalies"},
                {
                    "label": SCHEMA_RULES["label"],
                    "good": self.recipe.labels.good,
                    "labels": labels,
                    "often_constant": OFTEN_CONSTANT,
                    "limits": self.settings.blocking,
                },
                resolve=self._resolvers.compared,
            ),
            Step(
                "Transform",
                f"{_HERE}.transform:transform",
                {"examples": "ExampleGen.examples", "anomalies": "ExampleValidator.anomalies"},
                {"transform_graph": "TransformGraph"},
                {"labels": labels},
                {"beam": self.settings.beam.model_dump(mode="json")},
            ),
        ]

    def _serving(self) -> list[Step]:
        """Return the step that reads pictures of production, if there are any to compare with."""
        folder = self.settings.example_validator.serving
        if not folder:
            return []
        if self.settings.example_validator.counted:
            return [seen_step(Path(folder), self._driver)]

        def listed(_known: Known) -> Resolved:
            driver = self._driver
            found = list_data([Path(folder)], driver.store, driver.index, time.time_ns, serving=True)
            return Resolved({"data": found})

        function, places = f"{_HERE}.serving_gen:serving_gen", {"folders": [str(Path(folder).resolve())]}
        values = {"recipe": self._seen(), "max_bad": self.settings.example_gen.tolerated}
        return [Step("ServingExampleGen", function, {}, {"examples": "Examples"}, values, places, resolve=listed)]

    def _model_steps(self) -> list[Step]:
        transformed = {"examples": "ExampleGen.examples", "transform_graph": "Transform.transform_graph"}
        first = self._pretrainer()
        begin = {"pretrained": "Pretrainer.pretrained"} if first else {}
        training = self.settings.trainer
        strategy = "multi-worker" if training.local_workers else training.strategy
        trainer = Step(
            "Trainer",
            f"{_HERE}.trainer:trainer",
            {**transformed, **begin},
            {"model": "Model"},
            {
                "recipe": self._trained(),
                **self._backbone(),
                "halve_batch": training.halve_batch,
                "settings": {"strategy": strategy},
            },
            {
                **self._module,
                "tensorboard": training.tensorboard,
                "weights": self.recipe.network.weights,
                "local_workers": training.local_workers,
                "warm_wanted": training.warm_start,
            },
            runs=("converter.child",) if self._own else (),
            uses=self._own,
            resolve=self._resolvers.warm_start,
        )
        return [
            *first,
            *with_tuner(self._order, trainer, bool(self.settings.module)),
            Step(
                "Evaluator",
                f"{_HERE}.evaluator:evaluator",
                {**transformed, "model": "Trainer.model"},
                {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
                {"recipe": self._judged(), "settings": self.settings.evaluator.model_dump(mode="json")},
                self._module,
                uses=self._own,
                resolve=self._resolvers.baseline,
            ),
        ]

    def _pretrainer(self) -> list[Step]:
        """Return the step that learns from drawn surfaces, if the recipe wants any: it depends on no picture."""
        if not self.recipe.network.pretraining:
            return []
        function = f"{_HERE}.pretrainer:pretrainer"
        parameters = {"recipe": self._pretrained(), **self._backbone()}
        places = {**self._module, "weights": self.recipe.network.weights}
        return [Step("Pretrainer", function, {}, {"pretrained": "Model"}, parameters, places, uses=self._own)]

    def _backbone(self) -> dict[str, str]:
        """Return what the backbone begins with: the digest of a file, for its path says nothing."""
        weights = self.recipe.network.weights
        if not weights:
            return {}
        path = weights_file(self.recipe.network.backbone, weights)
        if path is None:
            return {"backbone_weights": weights}
        try:
            return {"backbone_weights": digest_file(path)}
        except OSError as error:
            raise ConfigError(
                f"network.weights {weights}: cannot be read ({error.strerror}); give 'imagenet', or the path of a file "
                "with the backbone's weights"
            ) from error

    def _split(self) -> dict[str, Any]:
        """Return what decides which part is in which split, and what the model sees of it."""
        how = self.settings.example_gen
        split = {"shares": self.recipe.split.model_dump(), "salt": how.salt, "how": how.split}
        return {"recipe": self._seen(), **split, "near_duplicates": how.near_duplicates}

    def _seen(self) -> dict[str, Any]:
        """The recipe as far as it changes the examples; all else has its default."""
        known = self.recipe.network
        network = Network(height=known.height, width=known.width, fit=known.fit)
        camera = self.recipe.camera.model_copy(update={"exposure_us": None, "gain_db": None})
        return Recipe(name="any", labels=self.recipe.labels, camera=camera, network=network).model_dump(mode="json")

    def _trained(self) -> dict[str, Any]:
        """The recipe as far as it changes the trained model; where its first weights lie is no part of it."""
        known = self.recipe
        network = known.network.model_copy(update={"weights": ""})
        return Recipe(
            name="any", labels=known.labels, camera=known.camera, network=network, views=known.views
        ).model_dump(mode="json")

    def _pretrained(self) -> dict[str, Any]:
        """The recipe as far as it changes what is learned from drawn surfaces."""
        settled = {"epochs": 1, "model": "classification", "balance": "both", "weights": ""}
        network = self.recipe.network.of_a_tile().model_copy(update=settled)
        camera = Camera(colour=self.recipe.camera.colour)
        return Recipe(name="any", labels=self.recipe.labels, camera=camera, network=network).model_dump(mode="json")

    def _judged(self) -> dict[str, Any]:
        """The recipe as far as it changes the evaluation."""
        named = {"thresholds": self.recipe.thresholds, "blessing": self.recipe.blessing}
        return {**self._trained(), **{name: value.model_dump(mode="json") for name, value in named.items()}}

    def _converted(self) -> dict[str, Any]:
        """The recipe as it goes into the bundle, without what only the training reads: older agents know it then."""
        learning = {"weights": "", "precision": "float32", "balance": "both", "tile": 0}
        network = self.recipe.network.model_copy(update=learning)
        changed = {"network": network, "blessing": self.recipe.blessing.for_devices()}
        delivered = self.recipe.model_copy(update=changed)
        cost = self.settings.evaluator.cost
        own = {"recipe": delivered.model_dump(mode="json"), **self.settings.converter.model_dump()}
        return own if cost is None else {**own, "cost": cost.model_dump()}
