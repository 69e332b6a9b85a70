"""A runner of Beam for data that fits into memory: each collection a list, each transform run once, in order.

Beam's own local runners encode every element and set up a worker for every stage; for one small table that takes most
of the time of TensorFlow Transform. Here the same functions are called by Beam's own code, without that. What large
data needs (windows, state, sources that split themselves) is refused: use `FnApiRunner` for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.common import DoFnRunner, Receiver
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms.core import Windowing
from apache_beam.transforms.userstate import is_stateful_dofn
from apache_beam.transforms.util import ReshufflePerKey
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

_UNCHANGED = (beam.Reshuffle, ReshufflePerKey, beam.WindowInto)


class InMemoryRunner(PipelineRunner):  # type: ignore[misc]
    """Runs a pipeline at once in this thread. Raises ValueError for a transform that it does not know."""

    def is_fnapi_compatible(self) -> bool:
        """Say yes, so that Beam does not encode and decode the pipeline before it is run."""
        return True

    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        """Compute every collection of the pipeline."""
        pipeline.visit(_Evaluation())
        return _Done(PipelineState.DONE)


class _Done(PipelineResult):  # type: ignore[misc]
    def wait_until_finish(self, duration: Any = None) -> Any:
        return self.state


class _Evaluation(PipelineVisitor):  # type: ignore[misc]
    """Visits the transforms in the order in which they were built, inputs first."""

    def __init__(self) -> None:
        self._values: dict[Any, list[Any]] = {}
        self._whole: Any = None

    def enter_composite_transform(self, node: Any) -> None:
        """Compute as a whole what consists of parts that only spread the work."""
        if self._whole is None and isinstance(node.transform, (beam.Create, *_UNCHANGED)):
            self._whole = node
            made = isinstance(node.transform, beam.Create)
            self._keep(node, node.transform.values if made else self._input(node))

    def leave_composite_transform(self, node: Any) -> None:
        """Go on with what follows."""
        if self._whole is node:
            self._whole = None

    def visit_transform(self, node: Any) -> None:
        """Compute a transform that has no parts."""
        if self._whole is not None:
            return
        transform = node.transform
        if isinstance(transform, beam.Impulse):
            self._keep(node, [b""])
        elif isinstance(transform, beam.Flatten):
            self._keep(node, [value for each in node.inputs for value in self._values[each]])
        elif isinstance(transform, beam.GroupByKey):
            self._keep(node, _grouped(self._input(node)))
        elif isinstance(transform, _UNCHANGED):
            self._keep(node, self._input(node))
        elif isinstance(transform, beam.ParDo):
            self._par_do(node)
        else:
            raise ValueError(f"{node.full_label}: {type(transform).__name__} is not run in memory")

    def _input(self, node: Any) -> list[Any]:
        return self._values[node.inputs[0]]

    def _keep(self, node: Any, values: Iterable[Any]) -> None:
        self._values[node.outputs[None]] = list(values)

    def _par_do(self, node: Any) -> None:
        function = node.transform.fn
        if is_stateful_dofn(function):
            raise ValueError(f"{node.full_label}: a function with state is not run in memory")
        receivers: dict[Any, _Collector] = {tag: _Collector() for tag in (None, *node.outputs)}
        sides = [_Side(view, self._values[view.pvalue]) for view in node.side_inputs]
        transform = node.transform
        runner = DoFnRunner(
            function, transform.args, transform.kwargs, sides, Windowing(GlobalWindows()), receivers, node.full_label
        )
        runner.setup()
        runner.start()
        for value in self._input(node):
            runner.process(GlobalWindows.windowed_value(value))
        runner.finish()
        runner.teardown()
        for tag, collection in node.outputs.items():
            self._values[collection] = receivers[tag].values


class _Collector(Receiver):  # type: ignore[misc]
    """Takes what a function puts out."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def receive(self, windowed_value: WindowedValue) -> None:
        """Keep the value alone: all is in one window."""
        self.values.append(windowed_value.value)


class _Side:
    """A side input as Beam asks for it: the same in every window."""

    def __init__(self, view: Any, values: list[Any]) -> None:
        self._view, self._values = view, values

    def __getitem__(self, window: Any) -> Any:
        return self._view._from_runtime_iterable(self._values, self._view._view_options())

    def is_globally_windowed(self) -> bool:
        """There is no other window."""
        return True


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return list(groups.items())
