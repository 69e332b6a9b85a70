"""What the steps after one need, so that it can be had ready for them."""

from __future__ import annotations

from collections.abc import Mapping

from trainer.pipeline.closure import Imports
from trainer.pipeline.driver import code_of
from trainer.pipeline.graph import Graph, dependants
from trainer.pipeline.libraries import need_tensorflow, to_import
from trainer.pipeline.selection import Role
from trainer.pipeline.step import Step

CONVERTS = "converter.child"
"""Module of the process in which models are converted."""


class ToCome:
    """The steps of a run, asked for what comes after one of them."""

    def __init__(self, graph: Graph, chosen: Mapping[str, Role], imports: Imports) -> None:
        self._graph, self._chosen, self._imports = graph, chosen, imports

    def preparation(self, step: Step, beside: bool) -> tuple[list[str], bool] | None:
        """Return what to import for the next step that needs TensorFlow, and whether one converts; None for nothing.

        The next step is the given one, or, with `beside`, one that depends on it. A step alone, after which no model is
        converted, imports what it needs by itself: code that can use TensorFlow does not always.
        """
        after = dependants(self._graph, step.name)
        names = after if beside else {step.name, *after}
        steps = [one for one in self._graph.steps if one.name in names and self._chosen[one.name] is Role.RUN]
        converts = any(CONVERTS in one.runs for one in steps)
        for one in steps:
            libraries = code_of(one, self._imports).libraries
            if need_tensorflow(libraries):
                return (to_import(libraries), converts) if beside or converts else None
        return None
