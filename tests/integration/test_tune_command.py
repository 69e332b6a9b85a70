"""`trainer tune` on a table: an own network with hyper-parameters of its own, tried in processes of their own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.recipe import Recipe
from tests.simulators.sensor_table import SET_TINY, run, write_table
from tests.simulators.tiny_pipeline import result, trainer

pytestmark = pytest.mark.slow
OWN = """
import keras


def build_model(spec, hparams):
    inputs = {name: keras.Input(s.shape, name=name, dtype=s.dtype) for name, s in spec.items()}
    numbers = [keras.layers.Flatten()(keras.ops.cast(inputs[name], "float32")) for name in sorted(inputs)]
    hidden = keras.layers.Dense(hparams["units"], activation="relu")(keras.layers.Concatenate()(numbers))
    return keras.Model(inputs, keras.layers.Dense(hparams["classes"])(hidden))
"""
SEARCH = "tuner.search={network.learning_rate: {low: 0.001, high: 0.1, log: true}, hparams.units: [3, 7]}"


def test_the_trainer_takes_what_the_trials_found(tmp_path):
    table, root = write_table(tmp_path / "readings.csv", 300), tmp_path / "work"
    (tmp_path / "own.py").write_text(OWN)
    words = ["--set", f"module={tmp_path / 'own.py'}", "--set", "tuner.trials=3", "--set", "tuner.parallel=2"]
    words += ["--set", SEARCH, "--set", "epochs=2"]
    place = ["--recipe", "turned-part", "--data", table, "--root", root]
    found = result(trainer("tune", *place, *SET_TINY, *words, "--json"))
    assert set(found["best"]) == {"network.learning_rate", "hparams.units"}
    with Path(found["trials"]).open(newline="") as file:
        assert {row["state"] for row in csv.DictReader(file)} <= {"complete", "pruned"}
    assert "<svg" in Path(found["page"]).read_text()
    ran = result(run(table, root, *words))
    assert {step["name"]: step["status"] for step in ran["steps"]}["Tuner"] == "cached"
    recipe = next((root / "cas").glob("*/*/saved_model")).parent / "recipe.json"
    made = Recipe.model_validate_json(recipe.read_text()).network
    assert made.learning_rate == pytest.approx(found["best"]["network.learning_rate"])
    with np.load(recipe.parent / "weights.npz", allow_pickle=False) as weights:
        assert found["best"]["hparams.units"] in {weights[name].shape[-1] for name in weights.files}
    delivered = json.loads((Path(ran["bundle"]) / "manifest.json").read_text())["recipe"]["network"]
    assert delivered["learning_rate"] == made.learning_rate
    other = ["--set", "tuner.trials=2", "--set", "tuner.metric=loss"]
    table_shown = trainer("tune", *place, *SET_TINY, *words, *other).stdout
    second = result(trainer("tune", *place, *SET_TINY, *words, *other, "--json"))
    assert [said["reasons"][0].split(" with ")[0][-14:-6] for said in (found, second)] == ["3: auroc", " 2: loss"]
    with Path(second["trials"]).open(newline="") as file:
        values = sorted((row["value"] for row in csv.DictReader(file) if row["state"] == "complete"), key=float)
    places = [table_shown.index(value) for value in values]
    assert places == sorted(places), "the best loss stands first"


def test_a_recipe_without_trials_is_told_in_one_line(tmp_path):
    table = write_table(tmp_path / "readings.csv", 30)
    done = trainer("tune", "--recipe", "turned-part", "--data", table, "--root", tmp_path / "work")
    assert done.returncode == 5
    assert "wants no trials; say under 'pipeline: tuner:'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
