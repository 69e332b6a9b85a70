import numpy as np
import pytest

from converter.baseline import build_baseline, inner_edges, measure_pictures, smallest_deviation, tally_of
from edge_agent.contracts.drift_score import drift_score, rank_p_value, shape_distance, signed_shift
from edge_agent.contracts.window import Statistics, Tally


def values(rng, parts=60, frames=2, shift=0.0):
    own = rng.normal(100 + shift, 5, (parts, 1)) + rng.normal(0, 1, (parts, frames))
    constant = np.zeros(parts * frames)
    return np.column_stack([own.ravel(), constant])


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(3)
    parts = [f"p{k // 2}" for k in range(120)]
    return build_baseline(["brightness", "dark_share"], values(rng), parts, ["ok", "pit"], window_parts=20)


def test_counts_add_up_and_edges_rise(baseline):
    for feature in baseline.features:
        assert sum(feature.counts) == 120
        assert len(feature.counts) == len(feature.edges) + 1
        assert list(feature.edges) == sorted(set(feature.edges))
    assert baseline.features[0].mean == pytest.approx(100, abs=2)
    assert 3 < baseline.features[0].deviation < 7


def test_a_tally_of_an_array_is_what_a_device_counts_one_by_one(baseline):
    rng = np.random.default_rng(4)
    column = rng.normal(100, 9, 200)
    feature, counted = baseline.features[0], Statistics.empty(baseline).tallies["brightness"]
    for value in column:
        counted.add(feature, float(value))
    assert tally_of(feature, column) == counted


def test_a_window_like_training_is_ordinary_and_a_dark_one_is_not(baseline):
    rng = np.random.default_rng(5)
    feature, calibration = baseline.features[0], baseline.calibration["brightness"]
    assert len(calibration) == 300
    ordinary = [
        rank_p_value(drift_score(feature, tally_of(feature, values(rng, 20)[:, 0])), calibration) for _ in range(40)
    ]
    assert np.median(ordinary) > 0.1
    dark = tally_of(feature, values(rng, 20, shift=-15)[:, 0])
    assert rank_p_value(drift_score(feature, dark), calibration) == pytest.approx(1 / 301)
    assert signed_shift(feature, dark) < -1


def test_windows_of_the_same_seed_are_the_same():
    rng = np.random.default_rng(3)
    column, parts = values(rng), [f"p{k // 2}" for k in range(120)]
    first = build_baseline(["brightness", "dark_share"], column, parts, ["ok", "pit"])
    assert first == build_baseline(["brightness", "dark_share"], column, parts, ["ok", "pit"])


@pytest.mark.fault("M10")
def test_a_feature_that_was_constant_in_training_has_a_floor(baseline):
    feature = baseline.features[1]
    assert feature.deviation == smallest_deviation("dark_share") > 0
    assert len(feature.edges) == 2
    same = Tally([0, 40, 0], 40, 0, 0)
    assert drift_score(feature, same) == 0.0
    assert set(baseline.calibration["dark_share"]) == {0.0}
    moved = tally_of(feature, np.full(40, 0.5))
    assert np.isfinite(drift_score(feature, moved))
    trifle = tally_of(feature, np.full(40, feature.step))
    assert drift_score(feature, trifle) == 0.0


def test_too_few_parts_give_no_calibration():
    made = build_baseline(["brightness"], np.array([[1.0], [2.0], [3.0]]), ["a", "b", "c"], ["ok", "pit"])
    assert made.calibration == {}
    assert rank_p_value(3.0, ()) == 1.0


def test_an_empty_window_is_silence(baseline):
    feature = baseline.features[0]
    empty = Tally([0] * len(feature.counts))
    assert drift_score(feature, empty) == 0.0
    assert signed_shift(feature, empty) == 0.0


def test_equal_values_are_never_parted():
    column = np.array([0.0] * 80 + [0.5] * 20)
    edges = inner_edges(column, 0.1)
    assert edges == (0.25,)


def test_shape_distance_lies_between_nothing_and_one():
    assert shape_distance([10, 10], [5, 5]) == pytest.approx(0.0)
    assert 0.9 < shape_distance([10_000, 0], [0, 10_000]) <= 1.0
    assert shape_distance([0, 0], [1, 1]) == 0.0
    # One value in a bin that was rare in training is no evidence yet.
    assert shape_distance([99, 1], [1, 1]) < 0.5


def test_every_picture_gives_every_feature():
    pictures = np.full((3, 16, 16, 1), 50, np.uint8)
    names, rows = measure_pictures(pictures, np.array([[0.9, 0.1]] * 3), np.ones((3, 20)))
    assert rows.shape == (3, len(names)) == (3, 5 + 2 + 16)
    assert rows[0, names.index("brightness")] == 50
    assert rows[0, names.index("score")] == pytest.approx(0.1)
    assert names[-1] == "emb_15"
    assert measure_pictures(pictures, np.array([[0.9, 0.1]] * 3), None)[1].shape == (3, 7)
