"""Doubtful labels: wrong ones are found among right ones, with their pictures on a page. No TensorFlow."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from tests.simulators.evaluated import LABELS, evaluated
from trainer.cli import main
from trainer.evaluation.answers import Answers, Predictions
from trainer.labels.suspects import suspects_of
from trainer.reports.suspects import write_suspects

WRONG = 6


def test_wrong_labels_are_among_the_doubted_and_few_others(tmp_path):
    evaluated(tmp_path, skill=6.0, wrong=WRONG)
    page = tmp_path / "doubtful.html"
    options = ["labels", "suspects", "--root", str(tmp_path), "--html", str(page), "--json"]
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)["suspects"]
    made_wrong = {f"p{parts}-{number:03d}" for parts in (180, 150) for number in range(WRONG)}
    doubted = {one["part"] for one in found}
    assert len(doubted & made_wrong) >= 0.8 * len(made_wrong)
    assert len(doubted - made_wrong) <= 0.2 * len(doubted)
    assert [one["said_label"] for one in found[:5]] == sorted(one["said_label"] for one in found[:5])
    text = page.read_text()
    assert "doubtful labels" in text
    assert "the picture is gone or was changed since" in text


def test_the_page_shows_pictures_that_are_what_was_judged(tmp_path):
    good = cv2.imencode(".png", np.full((40, 60), 120, np.uint8))[1].tobytes()
    (tmp_path / "a.png").write_bytes(good)
    (tmp_path / "b.png").write_bytes(good + b"changed")
    known = {digest_bytes(good): tmp_path / "a.png", "0" * 64: tmp_path / "b.png"}
    shares = np.asarray([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]] * 10)
    labels = np.asarray([1, 0] + [0, 1] * 9)
    digests = (digest_bytes(good), "0" * 64, *(f"{n:064x}" for n in range(1, 19)))
    names = tuple(f"<{n}>.png" for n in range(20))
    answers = Answers(names, labels, shares, names, digests, {})
    found = suspects_of(Predictions(LABELS, {"eval": answers, "test": answers.at([])}, "eval"))
    assert {one.image for one in found} == {"<0>.png", "<1>.png"}
    write_suspects("r1", found, known, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert text.count("data:image/jpeg;base64,") == 1
    assert text.count("gone or was changed") == 1
    assert "&lt;0&gt;.png" in text


def test_rows_of_a_table_are_doubted_by_file_and_line(tmp_path):
    shares = np.asarray([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]] * 10)
    names = tuple(f"readings.csv:{n}" for n in range(2, 22))
    answers = Answers(names, np.asarray([1, 0] + [0, 1] * 9), shares, names, (), {})
    found = suspects_of(Predictions(LABELS, {"eval": answers, "test": answers.at([])}, "eval"))
    assert {one.image for one in found} == {"readings.csv:2", "readings.csv:3"}
    write_suspects("r1", found, {}, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "readings.csv:2" in text
    assert "picture" not in text


def test_too_few_pictures_are_no_ground_for_doubt():
    few = Answers(("p",), np.asarray([0]), np.asarray([[0.9, 0.1]]), ("a",), ("b",), {})
    with pytest.raises(Rejected, match="1 held-out records of 1 labels"):
        suspects_of(Predictions(("ok", "pit"), {"eval": few.at([]), "test": few}, "test"))
