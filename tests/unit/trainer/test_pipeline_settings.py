from pathlib import Path

import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import load_recipe
from trainer.pipeline.recipes import RECIPES, find_recipe, known_keys, load


def test_a_shipped_recipe_is_found_by_its_name():
    assert find_recipe("machined-surface").name == "machined-surface.yaml"


def test_an_unknown_recipe_is_answered_with_the_shipped_ones():
    with pytest.raises(ConfigError, match="Lineside ships machined-surface"):
        find_recipe("nothing")


def test_settings_reach_recipe_and_steps():
    recipe, settings = load("machined-surface", ["epochs=3", "network.batch=8", "max_bad=0.01", "pusher.fleet_home=/f"])
    assert (recipe.network.epochs, recipe.network.batch) == (3, 8)
    assert (settings.example_gen.max_bad, settings.pusher.fleet_home) == (0.01, "/f")


def test_the_last_assignment_wins():
    assert load("machined-surface", ["epochs=3", "epochs=4"])[0].network.epochs == 4


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("epoch=3", "did you mean 'epochs'"),
        ("max_bat=1", "did you mean 'max_bad'"),
        ("network.epoch=3", "did you mean 'network.epochs'"),
        ("pusher=1", "unknown key 'pusher'"),
        ("epochs", "expected KEY=VALUE"),
        ("epochs=[", "not YAML"),
        ("max_bad=2", "less than or equal to 1"),
        ("epochs=many", "'network.epochs' is 'many'"),
    ],
)
def test_a_wrong_assignment_says_what_to_do(text, hint):
    with pytest.raises(ConfigError) as error:
        load("machined-surface", [text])
    assert hint in str(error.value)


def test_an_unknown_key_of_a_recipe_file_names_the_nearest(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: x\nlabels: {good: ok, defects: [pit]}\nnetwrk: {}\n")
    with pytest.raises(ConfigError, match="unknown key 'netwrk'; did you mean 'network'"):
        load(str(path), [])


def test_every_key_is_dotted_down_to_a_value():
    assert {"network.epochs", "example_gen.max_bad", "name"} <= set(known_keys())


def test_a_recipes_file_says_how_the_steps_work(tmp_path: Path) -> None:
    path = tmp_path / "inspection.yaml"
    shipped = (RECIPES / "machined-surface.yaml").read_text()
    path.write_text(shipped + "pipeline:\n  module: mine.py\n  example_gen: {salt: s}\n  trainer: {warm_start: true}\n")
    recipe, chosen = load(str(path), ["example_gen.salt=t"])
    assert recipe == load("machined-surface", [])[0]
    assert chosen.module == str(tmp_path / "mine.py")
    assert chosen.example_gen.salt == "t"
    assert chosen.trainer.warm_start
    assert load_recipe(path) == recipe


def test_relative_paths_in_a_recipe_are_meant_from_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "inspection.yaml"
    section = "pipeline:\n  pusher: {fleet_home: fleet, place: served}\n  trainer: {tensorboard: logs}\n"
    path.write_text((RECIPES / "machined-surface.yaml").read_text() + section)
    _, chosen = load(str(path), [])
    found = (chosen.pusher.fleet_home, chosen.pusher.place, chosen.trainer.tensorboard)
    assert found == tuple(str(tmp_path / name) for name in ("fleet", "served", "logs"))


def test_an_unknown_key_in_a_recipes_pipeline_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "inspection.yaml"
    path.write_text((RECIPES / "machined-surface.yaml").read_text() + "pipeline:\n  trainr: {warm_start: true}\n")
    with pytest.raises(ConfigError, match=r"pipeline: unknown key 'trainr'; did you mean 'trainer'\?"):
        load(str(path), [])


def test_a_section_that_may_be_absent_is_set_key_by_key() -> None:
    assert {"mlflow", "mlflow.tracking_uri", "evaluator.cost", "evaluator.cost.escape"} <= set(known_keys())
    assert "evaluator.thresholds.lower" not in known_keys()
    chosen = load("machined-surface", ["mlflow.tracking_uri=sqlite:///runs.db", "mlflow.experiment=parts"])[1]
    assert chosen.mlflow is not None
    assert (chosen.mlflow.tracking_uri, chosen.mlflow.experiment) == ("sqlite:///runs.db", "parts")
