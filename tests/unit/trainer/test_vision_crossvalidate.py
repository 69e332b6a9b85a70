"""Cross-validation: whole parts in folds, settings by name, a row that says what was measured."""

import numpy as np
import pytest

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe
from trainer.vision.crossvalidate import Answers, assign_folds, row, with_settings

RECIPE = Recipe.model_validate({"name": "test", "labels": {"good": "ok", "defects": ["scratch"]}})


def test_each_fold_gets_whole_parts_of_every_label():
    parts = [f"p{number}" for number in range(40) for _ in range(3)]
    labels = np.repeat(np.arange(40) % 4, 3)
    fold_of = assign_folds(parts, labels, 5)
    assert set(fold_of) == set(parts)
    for label in range(4):
        sizes = np.bincount([fold_of[part] for part in fold_of if int(part[1:]) % 4 == label], minlength=5)
        assert sizes.tolist() == [2] * 5
    shuffled = np.random.default_rng(0).permutation(len(parts))
    assert assign_folds([parts[i] for i in shuffled], labels[shuffled], 5) == fold_of


def test_settings_change_the_network_and_wrong_ones_are_named():
    assert with_settings(RECIPE, ["epochs=3", "learning_rate=0.01"]).network.epochs == 3
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        with_settings(RECIPE, ["epoch=3"])
    with pytest.raises(ConfigError, match="learning_rate"):
        with_settings(RECIPE, ["learning_rate=fast"])


def test_a_row_holds_the_measures():
    answers = Answers(
        np.asarray([0.9, 0.2, 0.1, 0.3]),
        np.asarray([1, 1, 0, 0]),
        ("a", "a", "b", "c"),
        np.asarray([True, False]),
        (10.0,),
    )
    assert (
        row("tiles", "5 folds", answers) == "| tiles | 5 folds | 3 (1 defective) | 0.750 | 1.000 | 1.000 | 0.500 | 10 |"
    )


def test_names_of_one_thing_are_in_one_fold_and_another_draw_deals_anew():
    parts = [f"p{number}" for number in range(40)]
    labels = np.arange(40) % 4
    group = {"p0": "p0", "p1": "p0", "p7": "p0", "p5": "p5", "p6": "p5"}
    fold_of = assign_folds(parts, labels, 5, group)
    assert fold_of["p0"] == fold_of["p1"] == fold_of["p7"]
    assert fold_of["p5"] == fold_of["p6"]
    assert np.bincount([fold_of[part] for part in set(parts) - {"p1", "p7", "p6"}]).max() <= 9
    assert assign_folds(parts, labels, 5, group, "again") != fold_of
