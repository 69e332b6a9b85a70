"""The graph of the vision task: which component gets what, and what may change before it must run again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Camera, Network, Recipe
from trainer.components import history
from trainer.components.former import former_examples
from trainer.pipeline.cache import Store
from trainer.pipeline.closure import Imports, code_closure
from trainer.pipeline.graph import Graph, build_graph
from trainer.pipeline.index import Index
from trainer.pipeline.key import Parts
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Artifact, Known, Resolved, Step

DATA = "data"
_HERE = "trainer.components"
_CONVERTS = ("converter.child", "edge_agent.inference.child")
_DEVICE = ("edge_agent.inference.child", "edge_agent.install.selftest")


class Inspection:
    """Builds the graph for one recipe, root and data. `taken` is the fleet's latest release of this model."""

    def __init__(
        self,
        recipe: Recipe,
        settings: Settings,
        root: Path,
        folders: Sequence[Path],
        version: str = "",
        taken: int = 0,
        imports: Imports | None = None,
    ) -> None:
        self.recipe, self.settings, self.root, self.version = recipe, settings, root, version
        self._taken = taken
        self._folders = [str(folder.resolve()) for folder in folders]
        self._blessed = history.load(root)
        self._store = Store(root)
        self._imports = imports

    def graph(self) -> Graph:
        """Return all steps in order."""
        steps = [*self._data_steps(), *self._model_steps(), *self._delivery_steps()]
        return build_graph(self.recipe.name, steps, [DATA])

    def _data_steps(self) -> list[Step]:
        settings = self.settings.example_gen
        shares = self.recipe.split.model_dump()
        labels = list(self.recipe.labels.names)
        return [
            Step(
                "ExampleGen",
                f"{_HERE}.example_gen:example_gen",
                {"data": DATA},
                {"examples": "Examples"},
                {"recipe": self._seen(), "shares": shares, "max_bad": settings.max_bad, "salt": settings.salt},
                {"folders": self._folders},
                resolve=self._kept,
            ),
            Step(
                "StatisticsGen",
                f"{_HERE}.statistics_gen:statistics_gen",
                {"examples": "ExampleGen.examples"},
                {"statistics": "ExampleStatistics"},
            ),
            Step(
                "SchemaGen",
                f"{_HERE}.schema_gen:schema_gen",
                {"statistics": "StatisticsGen.statistics"},
                {"schema": "Schema"},
                {"labels": labels, "reviewed": _text(self.settings.schema_gen.schema_file)},
            ),
            Step(
                "ExampleValidator",
                f"{_HERE}.example_validator:example_validator",
                {
                    "examples": "ExampleGen.examples",
                    "statistics": "StatisticsGen.statistics",
                    "schema": "SchemaGen.schema",
                },
                {"anomalies": "ExampleAnomalies"},
                {"good": self.recipe.labels.good},
            ),
            Step(
                "Transform",
                f"{_HERE}.transform:transform",
                {"examples": "ExampleGen.examples", "anomalies": "ExampleValidator.anomalies"},
                {"transform_graph": "TransformGraph"},
                {"labels": labels},
            ),
        ]

    def _model_steps(self) -> list[Step]:
        transformed = {"examples": "ExampleGen.examples", "transform_graph": "Transform.transform_graph"}
        first = self._pretrainer()
        begin = {"pretrained": "Pretrainer.pretrained"} if first else {}
        return [
            *first,
            Step(
                "Trainer",
                f"{_HERE}.trainer:trainer",
                {**transformed, **begin},
                {"model": "Model"},
                {"recipe": self._trained()},
                resolve=self._warm_start if self.settings.trainer.warm_start else _no_warm_start,
            ),
            Step(
                "Evaluator",
                f"{_HERE}.evaluator:evaluator",
                {**transformed, "model": "Trainer.model"},
                {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
                {"recipe": self._judged()},
                resolve=self._baseline,
            ),
        ]

    def _pretrainer(self) -> list[Step]:
        """Return the step that learns from drawn surfaces, if the recipe wants any: it depends on no picture."""
        if not self.recipe.network.pretraining:
            return []
        function = f"{_HERE}.pretrainer:pretrainer"
        return [Step("Pretrainer", function, {}, {"pretrained": "Model"}, {"recipe": self._pretrained()})]

    def _delivery_steps(self) -> list[Step]:
        infra = self.settings.infra_validator
        model = {"model": "Trainer.model", "examples": "ExampleGen.examples"}
        return [
            Step(
                "Converter",
                f"{_HERE}.converter:converter",
                {**model, "blessing": "Evaluator.blessing"},
                {"bundle": "Bundle"},
                self._converted(),
                {"folders": self._folders},
                runs=_CONVERTS,
                resolve=self._release,
            ),
            Step(
                "InfraValidator",
                f"{_HERE}.infra_validator:infra_validator",
                {**model, "bundle": "Converter.bundle"},
                {"blessing": "InfraBlessing"},
                infra.model_dump(),
                runs=_DEVICE,
            ),
            Step(
                "Pusher",
                f"{_HERE}.pusher:pusher",
                {
                    **model,
                    "bundle": "Converter.bundle",
                    "blessing": "Evaluator.blessing",
                    "infra_blessing": "InfraValidator.blessing",
                    "evaluation": "Evaluator.evaluation",
                    "data": DATA,
                },
                {"pushed": "PushedModel"},
                {"fleet_home": self.settings.pusher.fleet_home},
                {"root": str(self.root.resolve())},
                resolve=self._origin,
                valid=self._still_pushed,
            ),
        ]

    def _seen(self) -> dict[str, Any]:
        """The recipe as far as it changes the examples; all else has its default."""
        network = Network(height=self.recipe.network.height, width=self.recipe.network.width)
        camera = self.recipe.camera.model_copy(update={"exposure_us": None, "gain_db": None})
        return Recipe(name="any", labels=self.recipe.labels, camera=camera, network=network).model_dump(mode="json")

    def _trained(self) -> dict[str, Any]:
        """The recipe as far as it changes the trained model."""
        known = self.recipe
        return Recipe(
            name="any", labels=known.labels, camera=known.camera, network=known.network, views=known.views
        ).model_dump(mode="json")

    def _pretrained(self) -> dict[str, Any]:
        """The recipe as far as it changes what is learned from drawn surfaces."""
        network = self.recipe.network.model_copy(update={"epochs": 1})
        camera = Camera(colour=self.recipe.camera.colour)
        return Recipe(name="any", labels=self.recipe.labels, camera=camera, network=network).model_dump(mode="json")

    def _judged(self) -> dict[str, Any]:
        """The recipe as far as it changes the evaluation."""
        named = {"thresholds": self.recipe.thresholds, "blessing": self.recipe.blessing}
        return {**self._trained(), **{name: value.model_dump(mode="json") for name, value in named.items()}}

    def _converted(self) -> dict[str, Any]:
        return {"recipe": self.recipe.model_dump(mode="json"), **self.settings.converter.model_dump()}

    def _kept(self, known: Known) -> Resolved:
        """Parts stay in the splits that they had for the blessed model, or else when ExampleGen ran last."""
        return Resolved({"kept": self._stored("Examples", self._former(known))})

    def _former(self, known: Known) -> str:
        former = history.not_made_of(self._blessed, self.recipe.name, known[DATA].digest)
        if former is not None:
            return former.examples
        salt = self.settings.example_gen.salt
        parameters = {"recipe": self._seen(), "shares": self.recipe.split.model_dump(), "salt": salt}
        with closing(Index(self.root)) as index:
            return former_examples(index.of_step("ExampleGen"), known[DATA].digest, parameters)

    def _warm_start(self, known: Known) -> Resolved:
        former = history.not_made_of(self._blessed, self.recipe.name, known[DATA].digest)
        return Resolved({"warm_start": self._stored("Model", former.model_digest if former else "")})

    def _baseline(self, known: Known) -> Resolved:
        former = history.before(self._blessed, self.recipe.name, known["Trainer.model"].digest)
        name = f"{former.model} {former.version}" if former else ""
        return Resolved(
            {"baseline": self._stored("Model", former.model_digest if former else "")}, {"baseline_name": name}
        )

    def _release(self, known: Known) -> Resolved:
        version, release = history.next_release(
            self._blessed, self.recipe.name, self._bundle_origin(known), self.version, self._taken
        )
        trained = code_closure((f"{_HERE}.trainer",), self._imports)
        parts = Parts("", {}, {}, {}, trained.files, trained.libraries)
        sources = {
            "data": known[DATA].digest,
            "code": parts.code_digest,
            "environment": parts.environment_digest,
        }
        return Resolved(parameters={"version": version, "release": release, "sources": sources})

    def _origin(self, known: Known) -> Resolved:
        return Resolved(parameters={"origin": self._bundle_origin(known)})

    def _bundle_origin(self, known: Known) -> str:
        """Digest of all that a bundle is made of, but its version and release."""
        code = code_closure((f"{_HERE}.converter", *_CONVERTS), self._imports)
        inputs = {name: known[name].digest for name in ("Trainer.model", "ExampleGen.examples", DATA)}
        return Parts("", inputs, {}, self._converted(), code.files, code.libraries).key

    def _still_pushed(self, outputs: Any) -> bool:
        from trainer.components.pushed import still_pushed

        return still_pushed(outputs, self.root)

    def _stored(self, kind: str, digest: str) -> Artifact | None:
        """Return a former run's artifact; None when there is none or the store does not hold it any more."""
        return Artifact(kind, digest, self._store.path(digest)) if digest and self._store.holds(digest) else None


def _no_warm_start(_known: Known) -> Resolved:
    return Resolved({"warm_start": None})


def _text(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"schema_gen.schema_file {path}: cannot be read ({error.strerror}); correct it") from error
