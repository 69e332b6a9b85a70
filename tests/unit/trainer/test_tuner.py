import csv
import json
import os
import signal
import subprocess
import sys

import pytest

from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.recipe import Recipe, load_recipe
from tests.conftest import wait_for
from trainer.components.tuner import tuner
from trainer.pipeline.recipes import RECIPES, load
from trainer.pipeline.settings import Settings
from trainer.pipeline.step import Context, Step
from trainer.tasks.order import Order
from trainer.tasks.tuning import with_tuner
from trainer.tuning.hyperparameters import FILE, tuned
from trainer.tuning.search import check_search, chosen_values
from trainer.tuning.settings import TunerSettings

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
RATE = {"low": 0.0001, "high": 0.4, "log": True, "whole": False}
SEARCH = {"network.learning_rate": RATE, "network.backbone": ["small", "medium"]}


def recipe(epochs=4):
    network = {"epochs": epochs, "learning_rate": 0.002, "backbone": "tiny"}
    return load_recipe(RECIPES / "machined-surface.yaml").model_dump(mode="json") | {"network": network}


def run(folder, **changed):
    """Run the Tuner on the toy training; return what it made and the table of trials."""
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "data").write_text("data")
    said = []
    asked = {"search": SEARCH, "trials": 6, "metric": "auroc", "prune": True, "seed": 1, "minutes": 0.0}
    asked |= {"trial_minutes": 0.0, "parallel": 1, "places": {"pause": 0.0}, "values": {"recipe": recipe()}, **changed}
    context = Context(folder / "scratch", lambda text, done: said.append((text, done)))
    made = tuner(folder / "out", "tests.simulators.toy_training:train", **asked, context=context, data=folder / "data")
    with (folder / "out" / "trials.csv").open(newline="") as file:
        return made["hyperparameters"], list(csv.DictReader(file)), said


def test_the_same_seed_gives_the_same_trials_and_the_best_is_written(tmp_path):
    made, rows, said = run(tmp_path / "a")
    assert len(rows) == made["trials"] == 6
    best = json.loads((tmp_path / "a" / "out" / FILE).read_text())
    values = [float(row["value"]) for row in rows if row["state"] == "complete"]
    assert made["value"] == pytest.approx(max(values))
    assert f"{best['network.learning_rate']:.6g}" == rows[made["best_trial"] - 1]["network.learning_rate"]
    assert said[-1][1] == 1.0
    assert "6 of 6 trials ended, best 0." in said[-1][0]
    assert "trial " in made["reasons"][0]
    run(tmp_path / "b")
    for name in (FILE, "trials.csv", "trials.html", "importance.json"):
        assert (tmp_path / "a" / "out" / name).read_bytes() == (tmp_path / "b" / "out" / name).read_bytes()


def test_a_trial_below_the_median_is_ended_early(tmp_path):
    space = {"network.learning_rate": [0.01, 0.011, 0.012, 0.013, 0.4]}
    made, rows, _ = run(tmp_path, search=space, trials=10, values={"recipe": recipe(8)})
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert made["pruned"] == len(pruned) > 0
    assert all(int(row["epochs"]) < 8 and "worse than the median" in row["note"] for row in pruned)


@pytest.mark.fault("T19")
def test_a_trial_that_fails_says_why_and_stops_no_other(tmp_path):
    space = {"network.learning_rate": [0.01, 0.9]}
    _, rows, _ = run(tmp_path, search=space, trials=4)
    failed = [row for row in rows if row["state"] == "failed"]
    assert failed
    assert all("the loss is nan" in row["note"] for row in failed)
    assert json.loads((tmp_path / "out" / FILE).read_text()) == {"network.learning_rate": 0.01}
    with pytest.raises(Rejected, match=r"none of 2 trials was completed; the first: .*the loss is nan"):
        run(tmp_path / "none", search={"network.learning_rate": [0.9]}, trials=2)


def test_trials_run_at_once_each_in_its_own_process(tmp_path):
    made, rows, _ = run(tmp_path, parallel=2, trials=4)
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4"]
    assert made["trials"] == 4


def test_time_limits_end_the_search_and_a_trial(tmp_path):
    made, _, _ = run(tmp_path / "all", minutes=1e-9 + 0.02, trials=1000, places={"pause": 0.05})
    assert 0 < made["trials"] < 1000
    with pytest.raises(Rejected, match="longer than"):
        run(tmp_path / "one", trial_minutes=0.0001, trials=1, places={"pause": 0.1})


_KILLED = """
import sys
from pathlib import Path
from tests.unit.trainer.test_tuner import run
run(Path(sys.argv[1]), places={"pause": 0.15})
"""


def test_a_killed_search_goes_on_and_finds_the_same(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path / "killed")], start_new_session=True)
    trials = tmp_path / "killed" / "scratch" / "trials"
    wait_for(lambda: len(list(trials.glob("*/starts"))) >= 3, 90, "the third trial")
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    before = {path: path.read_text() for path in trials.glob("*/starts")}
    run(tmp_path / "killed")
    again = [path for path, text in before.items() if path.read_text() != text]
    assert len(again) <= 2, "only what was killed is begun again"
    run(tmp_path / "whole")
    for name in (FILE, "trials.csv"):
        assert (tmp_path / "killed" / "out" / name).read_bytes() == (tmp_path / "whole" / "out" / name).read_bytes()


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"network.learning_rat": [0.1]}, "did you mean 'network.learning_rate'"),
        ({"network.height": [64]}, "cannot be searched"),
        ({"network.fit": ["pad"]}, "cannot be searched"),
        ({"network.backbone": ["tiny"]}, "'network.backbone' cannot be searched, expected one of network.epochs"),
        ({"hparams.units": [1]}, "build_model of your own module"),
        ({}, "empty"),
        ({"network.batch": []}, "'network.batch' has no values"),
        ({"network.batch": [8, 0]}, "'network.batch' cannot be 0: Input should be greater than or equal to 1"),
        ({"network.batch": {"low": 8, "high": 64}}, r"cannot be 26\.6667: .*integer.*; say whole: true"),
        ({"network.batch": {"low": 8, "high": 9.5, "whole": True}}, r"8 to 9\.5 are no whole numbers"),
        ({"network.learning_rate": {"low": 0.1, "high": 0.01}}, r"low 0\.1 is not below high 0\.01"),
        ({"network.learning_rate": {"low": 0, "high": 1, "log": True}}, "low 0 has no logarithm"),
    ],
)
def test_what_cannot_be_searched_is_named_before_anything_runs(search, said):
    tables = Recipe.model_validate({**recipe(), "task": "tabular"})
    with pytest.raises(ConfigError, match=said):
        check_search(TunerSettings.model_validate({"search": search}).search, tables, own=False)


@pytest.mark.parametrize("key", ["network.backbone", "network.embedding"])
def test_no_other_network_is_searched_than_the_one_that_drawn_surfaces_have_taught(key):
    made = recipe()
    made["network"]["pretraining"] = 100
    with pytest.raises(ConfigError, match=f"'{key}' cannot be searched beside network.pretraining"):
        check_search({key: ("tiny",)}, Recipe.model_validate(made), own=False)


def test_what_can_be_searched_passes():
    made = Recipe.model_validate(recipe())
    span = {"low": 1, "high": 9}
    search = {"network.batch": {**span, "whole": True}, "network.backbone": ["tiny"], "network.learning_rate": span}
    check_search(TunerSettings.model_validate({"search": search}).search, made, own=False)
    check_search({"hparams.units": (1, "a")}, made, own=True)
    with pytest.raises(ConfigError, match=r"'hparams\.' cannot be searched"):
        check_search({"hparams.": (1,)}, made, own=True)


def test_a_choice_reaches_recipe_and_own_model(tmp_path):
    values = {"recipe": recipe(), "settings": {"steps": 5}}
    made = chosen_values(values, {"network.batch": 8, "hparams.units": 64})
    assert Recipe.model_validate(made["recipe"]).network.batch == 8
    assert made["settings"] == {"steps": 5, "hparams": {"units": 64}}
    (tmp_path / FILE).write_text(json.dumps({"network.batch": 16}))
    assert tuned(values, tmp_path)["recipe"]["network"]["batch"] == 16
    assert tuned(values, None) == values


def test_the_step_is_there_when_trials_are_asked_for(tmp_path):
    known, _ = load("machined-surface", ())
    trainer = Step("Trainer", "m:f", {"examples": "E.e"}, {"model": "Model"}, {"recipe": {}}, {"tensorboard": "t"})
    assert with_tuner(Order(known, Settings(), tmp_path, []), trainer) == [trainer]
    asked = Settings(tuner={"trials": 3, "parallel": 2, "search": SEARCH})
    first, second = with_tuner(Order(known, asked, tmp_path, []), trainer)
    assert second.inputs["hyperparameters"] == "Tuner.hyperparameters"
    assert first.locations == {"parallel": 2, "places": {"tensorboard": ""}}
    assert first.parameters["search"]["network.backbone"] == ["small", "medium"]
    assert "parallel" not in first.parameters
