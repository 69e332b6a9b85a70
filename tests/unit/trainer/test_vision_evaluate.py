"""The measures, on cases that can be counted by hand."""

import math

import numpy as np
import pytest

from trainer.evaluation.rates import auroc, confusion, rates
from trainer.vision.evaluate import heatmap_hit_rate, peak_hits


def test_auroc_counts_pairs_and_halves_ties():
    scores, defective = np.asarray([0.9, 0.5, 0.5, 0.1]), np.asarray([True, True, False, False])
    assert auroc(scores, defective) == pytest.approx(3.5 / 4)
    assert auroc(-scores, defective) == pytest.approx(0.5 / 4)
    assert math.isnan(auroc(scores, np.ones(4, bool)))


def test_rates_count_what_both_thresholds_do():
    scores = np.asarray([0.05, 0.4, 0.95, 0.1, 0.5, 0.99])
    found = rates(scores, np.asarray([True, True, True, False, False, False]), 0.2, 0.9)
    assert (found.escape, found.recall, found.overkill) == pytest.approx((1 / 3, 2 / 3, 1 / 3))
    assert found.review == pytest.approx(2 / 6)
    assert math.isnan(rates(scores[:3], np.ones(3, bool), 0.2, 0.9).overkill)


def test_a_peak_hits_within_five_percent_of_the_picture():
    mask = np.zeros((100, 200), np.uint8)
    mask[50, 100] = 1
    peaks = [(0.5025, 0.505), (0.545, 0.505), (0.56, 0.505), (0.5025, 0.545), (0.5025, 0.57)]
    assert peak_hits(peaks, [mask] * 5).tolist() == [True, True, False, True, False]
    assert not peak_hits([(0.5, 0.5)], [np.zeros((10, 10), np.uint8)]).any()


def test_the_hit_rate_is_over_the_chosen_pictures():
    heatmaps = np.zeros((3, 4, 4), np.float32)
    heatmaps[:, 0, 0] = 1
    masks = np.zeros((3, 32, 32), np.uint8)
    masks[0, 4, 4] = masks[1, 30, 30] = 1
    assert heatmap_hit_rate(heatmaps, masks, np.asarray([True, True, False])) == 0.5
    assert math.isnan(heatmap_hit_rate(heatmaps, masks, np.zeros(3, bool)))


def test_confusion_has_the_truth_in_its_rows():
    assert confusion(np.asarray([0, 0, 1, 2]), np.asarray([0, 1, 1, 0]), 3).tolist() == [
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]
