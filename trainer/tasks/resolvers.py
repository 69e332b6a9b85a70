"""Resolvers: inputs that no step of this run makes, such as the latest blessed model, and the next version's name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.data.former import former_examples, former_span, statistics_of
from trainer.delivery import history
from trainer.delivery.pushed import names_taken, still_pushed
from trainer.pipeline.closure import code_closure
from trainer.pipeline.driver import Driver
from trainer.pipeline.files import digests
from trainer.pipeline.key import Parts
from trainer.pipeline.step import Artifact, Known, Resolved
from trainer.tasks.order import DATA, Order

MODEL, EXAMPLES = "Trainer.model", "ExampleGen.examples"


@dataclass(frozen=True)
class Making:
    """What examples and bundles are made by.

    `examples` are ExampleGen's parameters that examples must share for their splits to be kept; `trains` and `converts`
    are modules, `parameters` those of the conversion. `likely` says of data about how many bytes its examples are.
    """

    examples: Mapping[str, Any]
    trains: Sequence[str]
    converts: Sequence[str]
    parameters: Mapping[str, Any]
    likely: Callable[[Artifact], int] = lambda data: 0


class Resolvers:
    """Looks former runs up for one order; what they find depends on content alone, so that a repeated run is cached."""

    def __init__(self, order: Order, making: Making, driver: Driver) -> None:
        self._order, self._making, self._driver = order, making, driver
        self._name = order.recipe.name
        self._blessed = history.load(order.root)

    def kept(self, known: Known) -> Resolved:
        """`kept`: former examples, whose parts stay in their splits.

        Those of the latest blessed model, or else what ExampleGen made last. Also about how many bytes it will write.
        """
        kept = {"kept": self._stored("Examples", self._former_examples(known[DATA].digest))}
        return Resolved(kept, likely=self._making.likely(known[DATA]))

    def _former_examples(self, data: str) -> str:
        former = history.not_made_of(self._blessed, self._name, data)
        if former is not None:
            return former.examples
        return former_examples(self._driver.index.of_step("ExampleGen"), data, self._making.examples)

    def compared(self, known: Known) -> Resolved:
        """`previous`: statistics of the span before, else of the data that `kept` names; `serving`: none."""
        index, examples = self._driver.index, known[EXAMPLES]
        kept, span = self._former_examples(known[DATA].digest), examples.properties.get("span")
        former = former_span(index.of_step("ExampleGen"), examples.digest, span, kept)
        digest = statistics_of(index.of_step("StatisticsGen"), former)
        asked = self._order.settings.example_validator
        serving = {} if asked.serving and not asked.counted else {"serving": None}
        return Resolved({"previous": self._stored("ExampleStatistics", digest), **serving})

    @property
    def warm_start(self) -> Callable[[Known], Resolved]:
        """`warm_start`: the latest blessed model, where the settings want one."""
        return self._warm_start if self._order.settings.trainer.warm_start else _no_warm_start

    def _warm_start(self, known: Known) -> Resolved:
        former = history.not_made_of(self._blessed, self._name, known[DATA].digest)
        return Resolved({"warm_start": self._stored("Model", former.model_digest if former else "")})

    def baseline(self, known: Known) -> Resolved:
        """`baseline`: the blessed model that the new one must be compared with."""
        former = history.before(self._blessed, self._name, known[MODEL].digest)
        name = f"{former.model} {former.version}" if former else ""
        stored = self._stored("Model", former.model_digest if former else "")
        return Resolved({"baseline": stored}, {"baseline_name": name})

    def release(self, known: Known) -> Resolved:
        """`version`, `release` and `sources` of the bundle; another run may have taken a version since it began."""
        blessed = history.load(self._order.root)
        sources = self._sources(known)
        origin = self._bundle_origin(known, sources)
        named = names_taken(self._order.root / "pushed" / self._name, origin, self._holds)
        version, release = history.next_release(
            blessed, self._name, origin, self._order.version, self._order.taken, self._holds, named
        )
        return Resolved(parameters={"version": version, "release": release, "sources": sources})

    def _holds(self, bundle: str) -> bool:
        """Say whether the store holds the bundle with this ID, whole."""
        digest = self._driver.index.bundle(bundle)
        return bool(digest) and self._driver.store.holds(digest)

    def origin(self, known: Known) -> Resolved:
        """`origin`: the digest of all that a bundle is made of, but its version and release."""
        return Resolved(parameters={"origin": self._bundle_origin(known, self._sources(known))})

    def _bundle_origin(self, known: Known, sources: Mapping[str, str]) -> str:
        code = code_closure(self._making.converts, self._driver.imports)
        inputs = {name: known[name].digest for name in (MODEL, EXAMPLES, DATA)}
        made_of = {**self._making.parameters, "sources": dict(sources)}
        return Parts("", inputs, {}, made_of, code.files, code.libraries).key

    def _sources(self, known: Known) -> dict[str, str]:
        """Return what the bundle says it was trained from: digests of data, code and environment."""
        module = self._order.settings.module
        trained = code_closure(self._making.trains, self._driver.imports, (Path(module),) if module else ())
        parts = Parts("", {}, {}, {}, trained.files, trained.libraries)
        return {"data": known[DATA].digest, "code": parts.code_digest, "environment": parts.environment_digest}

    def inferred(self, _known: Known) -> Resolved:
        """`content`: what lies where the BulkInferrer shall look, by content."""
        from trainer.predictions.listing import content_digest, files_digest

        source, index = Path(self._order.settings.bulk_inferrer.data), self._driver.index
        name = content_digest if self._order.recipe.task == "vision" else files_digest
        return Resolved(parameters={"content": name(source, lambda paths: digests(paths, index, time.time_ns))})

    def still_pushed(self, outputs: Any) -> bool:
        """Say whether what the Pusher made is still there."""
        return still_pushed(outputs, self._order.root, self._order.settings.pusher.to, self._order.served)

    def _stored(self, kind: str, digest: str) -> Artifact | None:
        """Return a former run's artifact; None when there is none or the store does not hold it any more."""
        store = self._driver.store
        return Artifact(kind, digest, store.path(digest)) if digest and store.holds(digest) else None


def text_of(path: str, setting: str) -> str:
    """Return the text of the file that a setting names, "" where it names none. Raises ConfigError."""
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{setting} {path}: cannot be read ({error.strerror}); correct it") from error


def _no_warm_start(_known: Known) -> Resolved:
    return Resolved({"warm_start": None})
