"""The large libraries of the steps, imported by a worker before a step asks for them."""

from __future__ import annotations

from collections.abc import Container, Iterable

_MODULES = {
    "tensorflow-data-validation": "tensorflow_data_validation",
    "tensorflow-transform": "tensorflow_transform.beam",
    "tensorflow-model-analysis": "tensorflow_model_analysis",
}
"""Distributions that import TensorFlow and take more than a tenth of a second beside it, and their modules."""
_WITH_TENSORFLOW = frozenset(("tensorflow", "keras", *_MODULES))


def need_tensorflow(libraries: Iterable[str]) -> bool:
    """Say whether one of these distributions is TensorFlow or imports it."""
    return not _WITH_TENSORFLOW.isdisjoint(libraries)


def to_import(libraries: Container[str]) -> list[str]:
    """Return which modules to import for a step whose code has these `libraries`, without importing any."""
    return [module for name, module in _MODULES.items() if name in libraries]


def bring_up(modules: Iterable[str], converts: bool) -> None:
    """Import TensorFlow and the `modules`; where a later step `converts`, its process is forked off this one."""
    from converter.importing import import_modules, import_tensorflow

    import_tensorflow()
    if converts:
        from converter.children import fork_ahead

        fork_ahead()
    import_modules(modules)
