"""ONNX, for other runtimes, by way of the SavedModel; its answers come from onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from converter.loading import SIGNATURE
from edge_agent.contracts.errors import ConfigError

OPSET = 15


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Write the SavedModel `export` as ONNX to `output`, and its answers to `inputs` to `scores` (.npz)."""
    try:
        import onnx
        import onnxruntime
        import tf2onnx.tf_loader
        from tf2onnx.tfonnx import process_tf_graph
    except ImportError as error:
        raise ConfigError(f"ONNX cannot be written ({error}); install lineside[trainer]") from error
    graph_def, inputs, outputs, tensors = tf2onnx.tf_loader.from_saved_model(
        job["export"], None, None, signatures=[SIGNATURE], return_tensors_to_rename=True
    )
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf2onnx.tf_loader.tf_session(graph=graph):
            written = process_tf_graph(
                graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=tensors
            )
    model = tf2onnx.optimizer.optimize_graph(written).make_model("lineside")
    Path(job["output"]).write_bytes(model.SerializeToString(deterministic=True))
    onnx.checker.check_model(model)
    _score(onnxruntime, job)
    return {"ops": {opset.domain or "ai.onnx": int(opset.version) for opset in model.opset_import}}


def _score(onnxruntime: Any, job: dict[str, Any]) -> None:
    session = onnxruntime.InferenceSession(job["output"], providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    source = session.get_inputs()[0].name
    pictures = np.load(job["inputs"], mmap_mode="r", allow_pickle=False)
    rows = [session.run(None, {source: np.asarray(picture, np.float32)[None]}) for picture in pictures]
    columns = {name: np.concatenate([row[k] for row in rows]) for k, name in enumerate(names)}
    np.savez(job["scores"], **columns)
