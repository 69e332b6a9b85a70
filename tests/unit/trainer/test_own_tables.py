"""The user's own code for tables: the network is given what it names, and what cannot be used is one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from edge_agent.contracts.errors import Rejected
from trainer.components.table_transform import check_alone, checked
from trainer.tabular.features import Feature
from trainer.tabular.network import answers_of, build
from trainer.tabular.values import Typed

SCALAR = Feature((), "float32", None)
ONE_COLUMN = Feature((1,), "float32", None)


def double_of_b(spec: Any, hparams: Any) -> keras.Model:
    """A network that looks at one of the outputs alone."""
    inputs = {"b": keras.Input(spec["b"].shape, name="b")}
    wide = inputs["b"] if spec["b"].shape else keras.ops.expand_dims(inputs["b"], -1)
    return keras.Model(inputs, keras.ops.concatenate([2 * wide, wide], axis=1))


@pytest.mark.parametrize("feature", [SCALAR, ONE_COLUMN])
def test_a_network_that_leaves_an_output_out_is_given_those_it_names(feature: Feature) -> None:
    model = build({"a": feature, "b": feature}, {"classes": 2}, double_of_b, 1)
    rows = {name: np.full((3, *feature.shape), value, np.float32) for name, value in (("a", 5), ("b", 7))}
    assert np.asarray(answers_of(model, rows, False)["logits"]).tolist() == [[14, 7]] * 3


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (lambda x: [keras.layers.Dense(3)(x), x], "gives 2 outputs without names, expected 'logits'"),
        (lambda x: {"answer": keras.layers.Dense(3)(x)}, "gives outputs answer, expected 'logits'"),
        (lambda x: keras.layers.Dense(2)(x), r"gives logits of shape \(None, 2\), expected"),
        (lambda x: keras.layers.Dense(3, activation="softmax")(x), "sum to one, as probabilities do"),
    ],
)
def test_what_are_no_logits_is_one_line(ending: Any, words: str) -> None:
    def made(spec: Any, hparams: Any) -> keras.Model:
        inputs = {"a": keras.Input((1,), name="a")}
        return keras.Model(inputs, ending(inputs["a"]))

    with pytest.raises(Rejected, match=words):
        build({"a": ONE_COLUMN}, {"classes": 3}, made, 1)


def outputs_of(made: Any) -> Any:
    """Return what becomes of the outputs that a `preprocessing_fn` makes of rows, as TFT traces it."""
    import tensorflow as tf

    function = checked(lambda inputs: made(tf, inputs["a"]))
    spec = tf.TensorSpec((None,), tf.float32)
    return tf.function(lambda a: function({"a": a})).get_concrete_function(spec).structured_outputs


@pytest.mark.parametrize(
    ("kind", "expected"), [("int32", "int64"), ("bool", "int64"), ("float64", "float32"), ("float16", "float32")]
)
def test_numbers_of_any_kind_can_be_returned(kind: str, expected: str) -> None:
    assert outputs_of(lambda tf, a: {"x": tf.cast(a, kind)})["x"].dtype.name == expected


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            lambda tf, a: {"x": tf.constant([[1.0, 2.0]])},
            r"'x' has shape \(1, 2\), .* the same for all of them",
        ),
        (lambda tf, a: {"x": tf.reduce_sum(a)}, r"'x' has shape \(\), expected \(rows"),
        (lambda tf, a: {"force / N": a}, "'force / N' needs another name"),
        (lambda tf, a: {3: a}, "output 3 needs another name"),
    ],
)
def test_what_is_no_output_of_rows_is_one_line(made: Any, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        outputs_of(made)


def test_what_depends_on_the_rows_beside_it_is_refused() -> None:
    rows = np.asarray([1, 2, 3, 4, 6], np.float32)
    train = Typed({"a": rows}, {}, {}, [])

    def graph(made: Any) -> Any:
        return SimpleNamespace(apply=lambda numbers, texts: {"x": made(numbers["a"])})

    check_alone(graph(lambda a: a / 2), train, [], {"x": rows / 2})
    with pytest.raises(Rejected, match="'x' of a row depends on the rows beside it"):
        check_alone(graph(lambda a: a - a.mean()), train, [], {"x": rows - rows.mean()})
