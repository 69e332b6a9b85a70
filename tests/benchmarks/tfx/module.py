"""The user's code of the benchmark's pipeline, one file for both: TFX takes `run_fn`, Lineside `build_model`.

Z-scores, buckets of wear, vocabularies, and a network of 64 and 32 cells trained with Adam.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

SCALED = (
    "spindle_current_a",
    "vibration_mm_s",
    "feed_force_n",
    "acoustic_emission_mv",
    "coolant_temperature_c",
    "coolant_pressure_bar",
    "cycle_time_s",
)
BUCKETED, WORDS, LABEL = "tool_wear_um", {"material": 3, "machine": 4}, "label"
BUCKETS, CELLS, BATCH, RATE = 10, (64, 32), 64, 1e-3


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Scale the readings to z-scores, put wear into buckets, number the words; the label is 1 for a defect.

    Lineside gives the label to nobody but its own components.
    """
    outputs = {name: tft.scale_to_z_score(inputs[name]) for name in SCALED}
    outputs[BUCKETED] = _bucket(inputs[BUCKETED])
    for name in WORDS:
        outputs[name] = tft.compute_and_apply_vocabulary(inputs[name], vocab_filename=name)
    if LABEL in inputs:
        outputs[LABEL] = tf.cast(inputs[LABEL] == "defect", tf.int64)
    return outputs


def _bucket(values: Any) -> Any:
    """Count the edges that a value reaches: `tft.bucketize` searches them, which no runtime of a device can."""
    edges = tft.quantiles(values, BUCKETS, epsilon=0.01)
    reached = tf.cast(tf.reshape(values, [-1, 1]) >= edges, tf.float32)
    return tf.reshape(tf.cast(tf.reduce_sum(reached, axis=1), tf.int64), tf.shape(values))


def build_model(features: dict[str, Any], hparams: dict[str, Any]) -> Any:
    """Return the network for Lineside: Keras 3, logits of good and defective."""
    import keras

    inputs = {name: keras.Input((), name=name, dtype=features[name].dtype) for name in (*SCALED, BUCKETED, *WORDS)}
    wide = [keras.ops.expand_dims(inputs[name], -1) for name in SCALED]
    wide += [keras.ops.one_hot(inputs[name], size) for name, size in {BUCKETED: BUCKETS, **WORDS}.items()]
    hidden = keras.layers.Concatenate()(wide)
    for cells in CELLS:
        hidden = keras.layers.Dense(cells, activation="relu")(hidden)
    return keras.Model(inputs, {"logits": keras.layers.Dense(hparams["classes"])(hidden)})


def network() -> Any:
    """Return the network for TFX: the same one, trained with the same loss and clipping as Lineside trains it."""
    import tf_keras as keras

    numbers = [keras.Input((1,), name=name) for name in SCALED]
    sizes = {BUCKETED: BUCKETS, **WORDS}
    classes = [keras.Input((1,), name=name, dtype=tf.int64) for name in sizes]
    coded = [
        keras.layers.CategoryEncoding(size, output_mode="one_hot")(each)
        for each, size in zip(classes, sizes.values(), strict=True)
    ]
    hidden = keras.layers.concatenate([*numbers, *coded])
    for cells in CELLS:
        hidden = keras.layers.Dense(cells, activation="relu")(hidden)
    model = keras.Model([*numbers, *classes], keras.layers.Dense(2)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE, global_clipnorm=5.0), loss)
    return model


def run_fn(fn_args: Any) -> None:
    """Train for the steps that the Trainer was given, and write the model with its transform graph."""
    import tf_keras as keras
    from tfx_bsl.public import tfxio

    keras.utils.set_random_seed(int(fn_args.custom_config["seed"]))
    graph = tft.TFTransformOutput(fn_args.transform_output)
    options = tfxio.TensorFlowDatasetOptions(batch_size=BATCH, label_key=LABEL)
    data = fn_args.data_accessor.tf_dataset_factory(fn_args.train_files, options, graph.transformed_metadata.schema)
    model = network()
    model.fit(data.repeat(), steps_per_epoch=fn_args.train_steps, epochs=1, verbose=0)
    model.transform = graph.transform_features_layer()
    raw = graph.raw_feature_spec()
    features = {name: spec for name, spec in raw.items() if name != LABEL}
    text = tf.TensorSpec([None], tf.string, "examples")

    @tf.function(input_signature=[text])
    def serve(examples: Any) -> dict[str, Any]:
        prepared = model.transform(tf.io.parse_example(examples, features))
        logits = model({name: prepared[name] for name in (*SCALED, BUCKETED, *WORDS)})
        return {"defect": tf.nn.softmax(logits)[:, 1:]}

    @tf.function(input_signature=[text])
    def transform(examples: Any) -> Any:
        return model.transform(tf.io.parse_example(examples, raw))

    model.save(
        fn_args.serving_model_dir,
        save_format="tf",
        signatures={"serving_default": serve, "transform_features": transform},
    )
