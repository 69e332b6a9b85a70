"""The user's own figures of the test split: `metrics` of their file (docs/own-code.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.evaluation.answers import Answers
from trainer.own_code import METRICS, OwnCode, told

_EXPECTED = "expected a list of keras.metrics.Metric, or a dict of numbers by name"


def own_figures(module: str, test: Answers, more: Mapping[str, Any]) -> dict[str, float]:
    """Return the user's figures by name; none without a file, without the function and without test pictures or rows.

    `metrics()` returns Keras metrics, which are given class indices and class probabilities; `metrics(answers)` is
    given `labels` (n,), `probabilities` (n, classes), `parts`, `names` and `more`, and may return numbers by name.
    Raises Rejected for anything else, and for a figure that is no finite number.
    """
    code = OwnCode(module)
    if METRICS not in code.functions or not len(test):
        return {}
    asks = code.takes(METRICS)
    function = code.function(METRICS, asks)
    assert function is not None
    shown = {"labels": test.labels, "probabilities": test.probabilities.astype(np.float32)}
    shown |= {"parts": list(test.parts), "names": list(test.names), **more}
    made = function(*(shown,) * asks)
    if isinstance(made, Mapping):
        return {str(name): _number(str(name), value) for name, value in made.items()}
    if not isinstance(made, list | tuple):
        raise Rejected(f"metrics returns {type(made).__name__}, {_EXPECTED}")
    found = [_judged(Path(module), metric, shown) for metric in made]
    names = [name for name, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Rejected(
            f"metrics: {names.count(twice[0])} are called '{twice[0]}'; give each a name of its own (name=…)"
        )
    return dict(found)


def _judged(module: Path, metric: Any, shown: Mapping[str, Any]) -> tuple[str, float]:
    if not hasattr(metric, "update_state") or not hasattr(metric, "result"):
        raise Rejected(f"metrics: found {type(metric).__name__}, {_EXPECTED}")
    with told(module, f"metric {metric.name}"):
        metric.update_state(shown["labels"], shown["probabilities"])
        return str(metric.name), _number(str(metric.name), metric.result())


def _number(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        words = re.sub(r"\s+", " ", str(error))[:150]
        raise Rejected(f"metrics: '{name}' is {type(value).__name__}, expected a number ({words})") from error
    if not math.isfinite(found):
        raise Rejected(f"metrics: '{name}' is {found}, expected a finite number")
    return found
