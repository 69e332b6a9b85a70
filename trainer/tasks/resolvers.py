"""Resolvers: inputs that no step of this run makes, such as the latest blessed model, and the next version's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.components import history
from trainer.components.former import former_examples, former_span, statistics_of
from trainer.pipeline.cache import Store
from trainer.pipeline.closure import Imports, code_closure
from trainer.pipeline.index import Index
from trainer.pipeline.key import Parts
from trainer.pipeline.step import Artifact, Known, Resolved
from trainer.tasks.order import DATA, Order

MODEL, EXAMPLES = "Trainer.model", "ExampleGen.examples"


@dataclass(frozen=True)
class Making:
    """What a bundle is made by: modules that train, modules that convert, parameters of the conversion."""

    trains: Sequence[str]
    converts: Sequence[str]
    parameters: Mapping[str, Any]


class Resolvers:
    """Looks former runs up for one order; what they find depends on content alone, so that a repeated run is cached."""

    def __init__(self, order: Order, making: Making, imports: Imports | None, index: Index | None = None) -> None:
        self._order, self._making, self._imports, self._index = order, making, imports, index
        self._name = order.recipe.name
        self._blessed = history.load(order.root)
        self._store = Store(order.root)

    def kept(self, known: Known) -> Resolved:
        """`kept`: the examples of the latest blessed model, else those made last: parts stay in their splits."""
        former = history.not_made_of(self._blessed, self._name, known[DATA].digest)
        if former is not None:
            return Resolved({"kept": self._stored("Examples", former.examples)})
        entries = self._index.of_step("ExampleGen") if self._index else []
        salt = self._order.settings.example_gen.salt
        labels, shares = (
            part.model_dump(mode="json") for part in (self._order.recipe.labels, self._order.recipe.split)
        )
        return Resolved(
            {"kept": self._stored("Examples", former_examples(entries, known[DATA].digest, labels, shares, salt))}
        )

    def compared(self, known: Known) -> Resolved:
        """`previous`: the statistics of the span before, else of the data that `kept` names; and no `serving` data."""
        if self._index is None:
            return Resolved({"previous": None, "serving": None})
        examples, entries = known[EXAMPLES], self._index.of_step("ExampleGen")
        kept = self.kept(known).inputs["kept"]
        former = former_span(entries, examples.digest, examples.properties.get("span"), kept.digest if kept else "")
        digest = statistics_of(self._index.of_step("StatisticsGen"), former)
        serving = {} if self._order.settings.example_validator.serving else {"serving": None}
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
        """`version`, `release` and `sources` of the bundle; another run may have taken one since this began."""
        blessed = history.load(self._order.root)
        version, release = history.next_release(
            blessed, self._name, self._bundle_origin(known), self._order.version, self._order.taken
        )
        trained = code_closure(self._making.trains, self._imports)
        parts = Parts("", {}, {}, {}, trained.files, trained.libraries)
        sources = {"data": known[DATA].digest, "code": parts.code_digest, "environment": parts.environment_digest}
        return Resolved(parameters={"version": version, "release": release, "sources": sources})

    def origin(self, known: Known) -> Resolved:
        """`origin`: the digest of all that a bundle is made of, but its version and release."""
        return Resolved(parameters={"origin": self._bundle_origin(known)})

    def _bundle_origin(self, known: Known) -> str:
        code = code_closure(self._making.converts, self._imports)
        inputs = {name: known[name].digest for name in (MODEL, EXAMPLES, DATA)}
        return Parts("", inputs, {}, self._making.parameters, code.files, code.libraries).key

    def still_pushed(self, outputs: Any) -> bool:
        """Say whether what the Pusher made is still there."""
        from trainer.components.pushed import still_pushed

        return still_pushed(outputs, self._order.root)

    def _stored(self, kind: str, digest: str) -> Artifact | None:
        """Return a former run's artifact; None when there is none or the store does not hold it any more."""
        return Artifact(kind, digest, self._store.path(digest)) if digest and self._store.holds(digest) else None


def text_of(path: str, setting: str) -> str:
    """Return the text of the file that a setting names, "" where it names none. Raises ConfigError."""
    from edge_agent.contracts.errors import ConfigError

    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{setting} {path}: cannot be read ({error.strerror}); correct it") from error


def _no_warm_start(_known: Known) -> Resolved:
    return Resolved({"warm_start": None})
