"""The page of a search for settings."""

from xml.etree import ElementTree

import pytest

from trainer.reports.trials import scatter, write_page
from trainer.tuning.study import Row

ROWS = [
    Row(1, "complete", 0.7, 3, {"network.learning_rate": 0.001, "network.backbone": "small"}, ""),
    Row(2, "complete", 0.9, 3, {"network.learning_rate": 0.03, "network.backbone": "medium"}, ""),
    Row(3, "pruned", None, 1, {"network.learning_rate": 0.0003, "network.backbone": "small"}, ""),
    Row(4, "failed", None, 0, {"network.learning_rate": 0.01, "network.backbone": "small"}, "loss is <NaN>"),
]


def test_the_best_trial_is_said_first_and_every_trial_is_there(tmp_path):
    target = tmp_path / "trials.html"
    write_page(ROWS, {"network.learning_rate": 0.8}, "auroc", True, target)
    page = target.read_text()
    assert "Trial 2 is the best: auroc 0.9" in page
    assert "network.learning_rate = 0.03" in page
    assert page.count("<tr") - page.count("<table>") + 1 >= len(ROWS)
    assert "1 ended early" in page
    assert "1 failed" in page
    assert "loss is &lt;NaN&gt;" in page
    assert "80 %" in page
    first = target.read_bytes()
    write_page(ROWS, {"network.learning_rate": 0.8}, "auroc", True, target)
    assert target.read_bytes() == first


def test_a_search_without_a_complete_trial_is_a_page_too(tmp_path):
    target = tmp_path / "trials.html"
    write_page(ROWS[2:], {}, "loss", False, target)
    assert "No trial was completed." in target.read_text()
    assert "nothing can be said" in target.read_text()
    write_page(ROWS[:1], {}, "auroc", True, target)
    assert "Trial 1 is the best" in target.read_text()


@pytest.mark.parametrize(
    "points",
    [
        [(0.001, 0.7), (0.03, 0.9)],
        [(8, 0.5), (64, 0.5)],
        [("small", 0.5), ("a & b", 0.6), ("small", 0.7)],
        [(16, 0.4)],
        [(-1.0, 0.1), (1.0, 0.2)],
        [(True, 0.1), (False, 0.2)],
    ],
)
def test_each_value_is_a_dot_inside_the_drawing(points):
    root = ElementTree.fromstring(scatter(points))
    dots = list(root.iter("circle"))
    assert len(dots) == len(points)
    assert all(44 <= float(one.get("cx")) <= 300 and 0 <= float(one.get("cy")) <= 170 for one in dots)
    assert scatter([]) == ""
