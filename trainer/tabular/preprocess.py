"""The `preprocessing_fn` of tables whose user has none: z-scores, places in vocabularies, buckets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from edge_agent.contracts.row import RowContract

NUMBERS = "numbers"
Preprocessing = Callable[[dict[str, Any]], dict[str, Any]]


def default_preprocessing(contract: RowContract, buckets: Mapping[str, int]) -> Preprocessing:
    """Return the function. Its outputs: `numbers` (n, numbers) float32, and int64 (n,) a text and a bucketed number.

    A missing number becomes the mean, a constant one 0; a text its place in the vocabulary, one more for any other and
    two more for a missing one. All numbers go through one analysis, for what TFT takes its time for is their number.
    """
    numbers = [column.name for column in contract.columns if column.kind == "number"]
    texts = [column for column in contract.columns if column.kind == "text"]

    def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        outputs: dict[str, Any] = {}
        if numbers:
            outputs[NUMBERS] = _scaled(tf.stack([inputs[name] for name in numbers], axis=1))
        for name, count in buckets.items():
            outputs[output_name(name, "bucket")] = _bucket(inputs[name], count)
        for column in texts:
            with tf.init_scope():
                places = tf.range(len(column.values) + 1, dtype=tf.int64)
                keys = tf.constant([*column.values, ""])
                values = tf.concat([places[:-1], [column.absent]], axis=0)
                table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), column.unknown)
            outputs[output_name(column.name, "place")] = table.lookup(inputs[column.name])
        return outputs

    return preprocessing_fn


def _scaled(numbers: Any) -> Any:
    """Return z-scores over the rows, 0 for a missing number and for a column that never changes."""
    import tensorflow as tf
    import tensorflow_transform as tft

    mean, variance = tft.mean(numbers, reduce_instance_dims=False), tft.var(numbers, reduce_instance_dims=False)
    known = tf.logical_not(tf.math.is_nan(numbers))
    spread = tf.where(variance > 0, tf.sqrt(variance), tf.ones_like(variance))
    centred = tf.where(known, numbers, tf.zeros_like(numbers)) - tf.where(tf.math.is_nan(mean), 0.0, mean)
    return tf.where(known, centred / spread, tf.zeros_like(numbers))


def _bucket(number: Any, count: int) -> Any:
    """Return which of `count` buckets of about equally many training rows; one more for a missing number.

    Counted instead of searched: the device's runtimes know no search.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    edges = tft.quantiles(tf.boolean_mask(number, tf.logical_not(tf.math.is_nan(number))), count, epsilon=0.01)
    place = tf.reduce_sum(tf.cast(number[:, None] >= edges, tf.float32), axis=1)
    missing = tf.fill(tf.shape(number), float(count))
    return tf.cast(tf.where(tf.math.is_nan(number), missing, place), tf.int64)


def output_name(column: str, what: str) -> str:
    """Return a name that a layer may have."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", column).strip("_").lower() + f"_{what}"
