"""Runs beside each other: rules, the command, and its page. No TensorFlow."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from converter.confidence import PartScores
from edge_agent.contracts.bundle import ThresholdPair
from tests.simulators.evaluated import evaluated
from trainer.cli import main
from trainer.evaluation.comparison import Judging, compare, differing, mcnemar

PAIR = ThresholdPair(accept_below=0.4, reject_above=0.6)


def judging(names, scores, defective):
    return Judging(PartScores(tuple(names), np.asarray(scores, float), np.asarray(defective, bool)), PAIR)


@pytest.mark.parametrize(("a", "b", "p"), [(0, 0, 1.0), (1, 9, 0.021484375), (9, 1, 0.021484375), (5, 5, 1.0)])
def test_mcnemar_is_exact_and_two_sided(a, b, p):
    assert mcnemar(a, b) == pytest.approx(p)


def test_models_are_compared_on_the_parts_of_both_in_any_order():
    first = judging("abcdx", [0.9, 0.2, 0.1, 0.8, 0.5], [1, 1, 0, 0, 1])
    second = judging("dcbay", [0.1, 0.1, 0.9, 0.9, 0.5], [0, 0, 1, 1, 0])
    found = compare(first, second)
    assert (found.parts, found.defective) == (4, 2)
    assert found.gain.value == pytest.approx(0.25)
    assert (found.only_first, found.only_second) == (0, 2)
    assert "on 4 parts of both (2 defective)" in found.text


def test_a_part_with_another_label_is_no_match_and_none_in_common_is_said():
    one, other = judging("ab", [0.1, 0.9], [0, 1]), judging("ab", [0.1, 0.9], [1, 1])
    assert compare(one, other).parts == 1
    assert compare(one, judging("xy", [0.1, 0.9], [0, 1])).text == "no part was tested by both"


def test_where_no_part_is_defective_no_ranking_is_compared():
    found = compare(judging("ab", [0.1, 0.9], [0, 0]), judging("ab", [0.1, 0.2], [0, 0]))
    assert found.text.startswith(
        "AUROC not comparable: both kinds of parts are needed, on 2 parts of both (0 defective)"
    )


def test_the_same_model_gains_nothing():
    rng = np.random.default_rng(1)
    one = judging([str(n) for n in range(60)], rng.random(60), np.arange(60) < 20)
    found = compare(one, one)
    assert (found.gain.value, found.gain.low, found.gain.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_only_what_differs_is_listed():
    assert differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}]) == {"b": [2, 3], "c": [None, 4]}


def test_the_command_names_the_better_run_and_writes_a_page_of_its_own(tmp_path):
    evaluated(tmp_path, "r1", skill=1.0)
    evaluated(tmp_path, "r2", skill=4.0, seed=2, own={"sure_of_the_truth": 0.75})
    page = tmp_path / "runs.html"
    options = ["pipeline", "compare", "r1", "r2", "--root", str(tmp_path), "--html", str(page)]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    assert "better, on 150 parts of both (32 defective)" in done.output
    assert "Evaluator.seed" in done.output
    assert "sure_of_the_truth: -, 0.7500" in done.output
    found = json.loads(CliRunner().invoke(main, [*options, "--json"]).output)
    assert found["paired"][0]["gain"]["low"] > 0
    assert found["settings"] == {"Evaluator.seed": [1, 2]}
    assert found["seconds"]["Trainer"] == [12.0, 12.0]
    text = page.read_text()
    assert "better" in text
    assert "<td>sure_of_the_truth</td><td>–</td><td>0.7500</td>" in text


@pytest.mark.parametrize(("names", "words"), [(["r1"], "two different runs"), (["r1", "r9"], "no record of a run")])
def test_one_run_or_an_unknown_one_is_one_line(tmp_path, names, words):
    evaluated(tmp_path, "r1")
    done = CliRunner().invoke(main, ["pipeline", "compare", *names, "--root", str(tmp_path)])
    assert done.exit_code in (3, 5)
    assert words in done.output
