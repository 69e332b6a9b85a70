"""The trained model as servers take it: any number of pictures at once, calibrated probabilities beside the logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIGNATURE = "serving_default"


def write_serving(source: Path, folder: Path, temperature: float) -> None:
    """Wrap the SavedModel `source` (signature `serving_default`, batch 1) into one of any batch, written to `folder`.

    Inputs keep their names and shapes but for the batch; `probabilities` [n, classes] = softmax(logits / temperature)
    joins the outputs. The examples of a request are answered one after another, each by the graph that was measured.
    The object that `tf.saved_model.load` or `hub.load` returns can be called with the input.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(source))
    single = loaded.signatures[SIGNATURE]
    specs = {
        name: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype, name=name)
        for name, spec in single.structured_input_signature[1].items()
    }
    kinds = {name: tf.TensorSpec(out.shape[1:], out.dtype) for name, out in single.structured_outputs.items()}

    def answer(example: dict[str, Any]) -> dict[str, Any]:
        outputs = single(**{name: value[None] for name, value in example.items()})
        return {name: outputs[name][0] for name in kinds}

    def serve(**inputs: Any) -> dict[str, Any]:
        outputs = dict(tf.map_fn(answer, inputs, fn_output_signature=kinds))
        if "logits" in outputs:
            outputs["probabilities"] = tf.nn.softmax(outputs["logits"] / temperature)
        return outputs

    class Serving(tf.Module):  # type: ignore[misc]
        """The wrapped model; restored, it can be called where it has one input."""

        def __init__(self) -> None:
            super().__init__()
            self.source = loaded
            self.serve = tf.function(serve, autograph=False).get_concrete_function(**specs)

        if len(specs) == 1:
            __call__ = tf.function(
                lambda self, value: serve(**dict.fromkeys(specs, value)), [*specs.values()], autograph=False
            )

    module = Serving()
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})
