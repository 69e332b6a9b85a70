"""The table that compares kinds of model: every kind can be built, and a row holds what was measured."""

import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Recipe
from trainer.vision.compare import COLUMNS, KINDS, heading, main, row, table
from trainer.vision.crossvalidate import Answers, check_folds, pretrained, with_settings
from trainer.vision.data import Pictures

NETWORK = {"height": 64, "width": 48, "epochs": 3}
RECIPE = Recipe.model_validate({"name": "test", "labels": {"good": "ok", "defects": ["scratch"]}, "network": NETWORK})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_setting_of_the_recipe(kind):
    from trainer.vision.compare import weights

    chosen = with_settings(RECIPE, KINDS[kind])
    assert chosen.network.model in kind
    assert 100_000 < weights(chosen) < 3_000_000


def test_the_table_says_what_was_run_and_holds_a_row_a_kind(tmp_path):
    answers = Answers(np.asarray([0.9, 0.1]), np.asarray([1, 0]), ("a", "b"), np.asarray([True]), (10.0,))
    line = row("anomaly, small", 1234, answers)
    assert line == "| anomaly, small | 1,234 | 1.000 | 1.000 | 1.000 | 1.000 | 10 |"
    assert line.count("|") == len(COLUMNS) + 1
    pictures = Pictures(
        np.zeros((2, 1, 1, 1), np.uint8), np.arange(2), ("a", "b"), np.zeros((2, 1, 1)), np.ones(2, bool)
    )
    said = heading(RECIPE, ("epochs=3",), 5, (0, 1), pictures)
    assert said == (
        "Recipe test, 2 pictures of 2 parts, folds 0, 1 of 5 tested; 64 x 48 pixels, 3 epochs, 0 drawn surfaces first; "
        "settings epochs=3."
    )
    assert table(said, [line]).splitlines()[-1] == line
    assert pretrained(RECIPE, tmp_path) is None
    with pytest.raises(ConfigError, match="folds are numbered 0 to 4"):
        check_folds((5,), 5)


def test_its_help_has_an_example():
    assert "Example: python -m trainer.vision.compare" in CliRunner().invoke(main, ["--help"]).output
