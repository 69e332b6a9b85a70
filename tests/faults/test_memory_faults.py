"""A training whose batch really does not fit into the memory that its process may have."""

import json
import os
import subprocess
import sys

import pytest

from tests.simulators.sensor_table import write_table

pytestmark = pytest.mark.slow
ROWS, BATCH, WIDTH, ROOM = 300, 128, 1 << 21, 900 << 20
_WIDE = """
import keras

def build_model(features, hparams):
    inputs = {{name: keras.Input(one.shape, name=name, dtype=one.dtype) for name, one in features.items()}}
    small = keras.layers.Flatten()(inputs["numbers"])
    wide = keras.ops.tile(keras.ops.stop_gradient(small[:, :1]), (1, {width}))
    both = keras.layers.Concatenate()([small, keras.ops.max(wide, 1, keepdims=True)])
    return keras.Model(inputs, keras.layers.Dense(hparams["classes"])(both))
"""
_LIMITED = """
import json, resource, sys
from pathlib import Path

from edge_agent.contracts.errors import ConfigError
from tests.faults.test_table_faults import RECIPE, Steps
from trainer.components.table_trainer import train_table

folder, batch, room = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
steps = Steps(folder / "steps", folder / "readings.csv")
known, _ = steps.run("Transform")
paths = [known[f"{step}.{name}"] for step, name in (
    ("ExampleGen", "examples"), ("Transform", "transform_graph"), ("Transform", "transformed"))]
network = RECIPE.network.model_copy(update={"batch": batch})
recipe = RECIPE.model_copy(update={"network": network}).model_dump(mode="json")
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + room
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for halve in (False, True):
    settings = {"steps": 1, "patience": 0, "class_weights": True, "halve_batch": halve}
    model = folder / str(halve)
    model.mkdir()
    try:
        made = train_table(*paths, None, model, recipe, settings, str(folder / "wide.py"), "", steps.context)
        print(json.dumps(made["model"]["reasons"]), flush=True)
    except ConfigError as error:
        print(json.dumps(str(error)), flush=True)
"""


@pytest.mark.fault("T19")
def test_a_batch_that_does_not_fit_is_halved_once_if_allowed_and_it_is_recorded(tmp_path):
    write_table(tmp_path / "readings.csv", ROWS)
    (tmp_path / "wide.py").write_text(_WIDE.format(width=WIDTH))
    command = [sys.executable, "-c", _LIMITED, str(tmp_path), str(BATCH), str(ROOM)]
    # oneDNN's allocator takes memory in powers of two, so that half a batch may need as much as a whole one.
    plain = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=plain)
    assert done.returncode == 0, done.stderr[-2000:]
    stopped, halved = map(json.loads, done.stdout.splitlines()[-2:])
    assert stopped == "out of memory with batches of 128 rows; lower network.batch or the width of the network"
    assert halved == ["out of memory with batches of 128, trained with 64"]
    assert json.loads((tmp_path / "True" / "training.json").read_text())["remarks"] == halved
