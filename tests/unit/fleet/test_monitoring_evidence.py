"""The bets hold what they promise: p-values, e-values, false alarms over a fleet, and the delay until an alarm."""

import math

import numpy as np
import pytest

from edge_agent.contracts.drift_score import drift_score
from edge_agent.contracts.window import Baseline, Feature, Statistics, Tally
from fleet.monitoring.detectors import Pool, Reference, Stream, absorb
from fleet.monitoring.evidence import FEWEST_CALIBRATION, Budget, accumulate, calibrator

EDGES = tuple(np.linspace(-2.5, 2.5, 15))
STEP = 0.01
WEEK = 168


def cell_shares(shift=0.0):
    cdf = [0.5 * (1 + math.erf((edge - shift) / math.sqrt(2))) for edge in EDGES]
    return np.diff([0.0, *cdf, 1.0])


def tallies(rng, parts, shifts):
    """Tallies of windows of standard normal values, each shifted by its own number of deviations."""
    out = []
    for shift in shifts:
        values = np.round(rng.normal(shift, 1.0, parts) / STEP).astype(int)
        bins = np.bincount(np.searchsorted(EDGES, values * STEP, side="right"), minlength=len(EDGES) + 1)
        out.append(Tally(bins.tolist(), parts, int(values.sum()), int((values * values).sum())))
    return out


def feature(name="f"):
    counts = tuple(int(c) for c in np.round(20_000 * cell_shares()))
    return Feature(name=name, edges=EDGES, origin=0.0, step=STEP, counts=counts, mean=0.0, deviation=1.0)


def calibration(rng, parts, windows):
    one = feature()
    return tuple(sorted(drift_score(one, tally) for tally in tallies(rng, parts, np.zeros(windows))))


def test_p_values_are_valid_given_the_calibration_set():
    rng = np.random.default_rng(1)
    broken = 0
    for _ in range(400):
        made = calibrator(sorted(rng.exponential(size=200)), risk=0.05)
        broken += any(math.exp(-step.limit) > step.p for step in made.steps)
    assert broken / 400 <= 0.05


def test_bets_pay_at_most_one_on_average():
    rng = np.random.default_rng(2)
    made = calibrator(sorted(rng.exponential(size=1000)), risk=0.01)
    assert np.mean([made.e_value(score) for score in rng.exponential(size=20_000)]) <= 1.0


def test_too_few_calibration_windows_say_nothing():
    assert calibrator([0.1] * (FEWEST_CALIBRATION - 1), 0.05) is None
    made = calibrator([0.1] * FEWEST_CALIBRATION, 0.05)
    assert made.e_value(0.1) == 0.0
    assert made.p_value(0.1) == 1.0
    assert 0 < made.p_value(0.2) < 1


def test_evidence_falls_back_and_never_overflows():
    assert accumulate(1000.0, 0.0) == 0.0
    value = 0.0
    for _ in range(100):
        value = accumulate(value, 1e6)
    assert math.isfinite(value)


def test_threshold_shares_the_budget_among_all_streams():
    assert Budget(alarms=1, horizon=168).threshold(10_000 * 20) == 33_600_000
    assert Budget(alarms=2, horizon=168).threshold(10) == 840


def reference(rng, parts, calibration_windows=1000, features=20):
    named = tuple(feature(f"f{i:02d}") for i in range(features))
    scores = calibration(rng, parts, calibration_windows)
    baseline = Baseline(
        features=named, labels=("ok", "bad"), window_parts=parts, calibration={f.name: scores for f in named}
    )
    return Reference.of(baseline, Budget())


def run(ref, threshold, per_feature):
    """Feed windows (a list of tallies per feature) into one stream; return the number of windows until it alarms."""
    stream = Stream()
    for index, row in enumerate(zip(*per_feature, strict=True)):
        names = [f.name for f in ref.baseline.features]
        statistics = Statistics(ref.baseline.schema_id, dict(zip(names, row, strict=True)))
        parts = row[0].n
        stream, _ = absorb(stream, Pool(statistics, index * 1000, index * 1000 + 999, parts), ref, threshold)
        if stream.alarmed:
            return index + 1
    return None


@pytest.mark.parametrize("parts", [50, 300])
def test_no_false_alarm_in_a_week_of_a_fleet_with_lot_effects(parts):
    """A week of ten devices with 20 features; every day is a lot that lies 0.1 deviations off, at random."""
    rng = np.random.default_rng(3)
    ref = reference(rng, parts)
    devices, alarms = 10, 0
    budget = Budget(alarms=1.0)
    for _ in range(devices):
        lots = np.repeat(rng.normal(0, 0.1, (20, WEEK // 24)), 24, axis=1)
        alarms += run(ref, budget.threshold(devices * 20), [tallies(rng, parts, row) for row in lots]) is not None
    assert alarms == 0


def test_one_shifted_feature_of_twenty_is_found_within_four_windows():
    """One deviation, at the threshold of a fleet of 10,000 devices with 20 features each."""
    rng = np.random.default_rng(4)
    ref = reference(rng, 300)
    threshold = Budget(alarms=1.0).threshold(10_000 * 20)
    delays = []
    for _ in range(40):
        shifts = np.zeros((20, 12))
        shifts[0] = 1.0
        delays.append(run(ref, threshold, [tallies(rng, 300, row) for row in shifts]))
    assert None not in delays
    assert np.quantile(delays, 0.95) <= 4
