"""Large imports, a third faster: without what TensorFlow has no need of, and no garbage looked for meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

NOT_NEEDED = ("jax", "matplotlib", "sklearn", "torch")
"""Optional imports of Keras that neither training nor conversion has a use for."""


def import_tensorflow(without: Sequence[str] = NOT_NEEDED) -> None:
    """Import TensorFlow and Keras; `without` names modules that they find missing meanwhile."""
    with _hidden(without), _no_collection():
        tensorflow = import_module("tensorflow")
        import_module("keras")
        getattr(tensorflow.lite, "TFLiteConverter")  # noqa: B009  (lazily imported: touch it before any fork)


def import_modules(names: Iterable[str]) -> None:
    """Import modules without looking for garbage meanwhile."""
    with _no_collection():
        for name in names:
            import_module(name)


@contextmanager
def _hidden(modules: Sequence[str]) -> Iterator[None]:
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector off: it would look through all modules again and again, and find nothing.

    What is there at the end stays for good, so that it is not looked through later either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
