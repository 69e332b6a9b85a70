"""The order of the pictures: repeatable, defects often enough, no picture forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.vision.schedule import order_of, rate_at

LABELS = np.asarray([0] * 80 + [1] * 12 + [2] * 3 + [4] * 5, np.int64)


def test_the_same_epoch_gives_the_same_order_and_the_next_another() -> None:
    assert (order_of(LABELS, 100, 1, 3) == order_of(LABELS, 100, 1, 3)).all()
    assert (order_of(LABELS, 100, 1, 3) != order_of(LABELS, 100, 1, 4)).any()


def test_rare_defects_get_two_fifths_and_every_kind_its_turn() -> None:
    drawn = LABELS[np.concatenate([order_of(LABELS, 200, 1, epoch) for epoch in range(10)])]
    assert (drawn > 0).mean() == pytest.approx(0.4, abs=0.04)
    counts = np.bincount(drawn, minlength=5)
    assert counts[2] > counts[1] / 4 * 1.3
    assert counts[3] == 0


def test_good_pictures_come_equally_often() -> None:
    order = order_of(LABELS, 4 * 80 * 10 // 6, 2, 0)
    counts = np.bincount(order, minlength=len(LABELS))[:80]
    assert counts.max() - counts.min() <= 1


def test_frequent_defects_keep_their_share() -> None:
    labels = np.asarray([0] * 20 + [1] * 80, np.int64)
    assert (labels[order_of(labels, 1000, 1, 0)] > 0).mean() == pytest.approx(0.8, abs=0.04)


def test_pictures_of_one_sort_alone_are_dealt_evenly() -> None:
    for label in (0, 1, -1):
        order = order_of(np.full(10, label, np.int64), 20, 1, 0)
        assert sorted(order.tolist()) == sorted([*range(10), *range(10)])


def test_the_rate_rises_then_falls() -> None:
    rates = [rate_at(step, 100, 0.01) for step in range(100)]
    assert rates[0] < rates[7] == max(rates) == 0.01
    assert rates[-1] < 0.001
