"""A training that runs out of memory begins again with half the batch, once, where that is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from edge_agent.contracts.errors import ConfigError

Result = TypeVar("Result")


def with_memory(once: Callable[[int], Result], batch: int, halve: bool, what: str) -> tuple[Result, tuple[str, ...]]:
    """Call `once` with the batch size; where the memory runs out and `halve` allows it, once more with half.

    `what` the batch counts is `pictures` or `rows`. Also returns what is to be said of it. Raises ConfigError when the
    memory is not enough.
    """
    import tensorflow as tf

    lacking = (tf.errors.ResourceExhaustedError, MemoryError)
    try:
        return once(batch), ()
    except lacking as error:
        if not halve or batch < 2:
            raise _out_of_memory(batch, what) from error
    try:
        return once(batch // 2), (f"out of memory with batches of {batch}, trained with {batch // 2}",)
    except lacking as error:
        raise _out_of_memory(batch // 2, what) from error


def _out_of_memory(batch: int, what: str) -> ConfigError:
    size = "the picture's size" if what == "pictures" else "the width of the network"
    return ConfigError(f"out of memory with batches of {batch} {what}; lower network.batch or {size}")
