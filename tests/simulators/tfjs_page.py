"""A page that runs a converted TF.js variant with the real TensorFlow.js: no server, no network."""

from __future__ import annotations

import base64
import io
import json
import zipfile

import numpy as np

from tests.fixtures.make_bundles import HERE

LIBRARIES = ("core", "converter", "backend-cpu")
LOAD = """
async ([model, weights]) => {
  const bytes = Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0));
  const artifacts = {
    modelTopology: model.modelTopology,
    signature: model.signature,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: bytes.buffer,
  };
  await tf.setBackend("cpu");
  window.model = await tf.loadGraphModel({load: async () => artifacts});
}
"""
RUN = """
async ([pixels, shape, names]) => {
  const input = tf.tensor(pixels, shape, "float32");
  const outputs = await window.model.executeAsync(input, names);
  return Object.fromEntries(outputs.map((one, k) => [names[k], Array.from(one.dataSync())]));
}
"""


class TfjsPage:
    """One model, loaded in a page of a browser from the ZIP that the bundle holds."""

    def __init__(self, page, archive):
        self._page = page
        for name in LIBRARIES:
            page.add_script_tag(path=HERE / "tfjs" / f"tf-{name}.es2017.min.js")
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            model = json.loads(files.read("model.json"))
            shards = [path for group in model["weightsManifest"] for path in group["paths"]]
            weights = b"".join(files.read(path) for path in shards)
        self.outputs = model["signature"]["outputs"]
        page.evaluate(LOAD, [model, base64.b64encode(weights).decode()])

    def run(self, picture):
        """Return the outputs by name, flat, for a uint8 picture (height, width, channels)."""
        names = {tensor["name"]: output for output, tensor in self.outputs.items()}
        pixels = [int(value) for value in picture.reshape(-1)]
        found = self._page.evaluate(RUN, [pixels, [1, *picture.shape], sorted(names)])
        return {names[tensor]: np.asarray(values, np.float32) for tensor, values in found.items()}
