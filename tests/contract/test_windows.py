import math
import random
import zlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.window import (
    Baseline,
    Feature,
    Statistics,
    WindowHead,
    decode_window,
    encode_window,
)

BOOT = UUID("00000000-0000-4000-8000-000000000001")


def baseline(features: int = 3, bins: int = 12) -> Baseline:
    edges = tuple(float(edge) for edge in range(1, bins))
    return Baseline(
        features=tuple(
            Feature(name=f"f{i:02}", edges=edges, origin=0.0, step=1 / 1024, counts=(1,) * bins, mean=6, deviation=3)
            for i in range(features)
        ),
        labels=("ok", "scratch"),
    )


def head(of: Baseline, parts: int) -> WindowHead:
    return WindowHead(boot=BOOT, seq=1, schema_id=of.schema_id, bundle="b" * 64, started_ms=1, ended_ms=2, parts=parts)


def filled(of: Baseline, parts: int, seed: int) -> Statistics:
    draw = random.Random(seed)
    statistics = Statistics.empty(of)
    for _ in range(parts):
        for feature in of.features:
            statistics.tallies[feature.name].add(feature, draw.gauss(6, 3))
        statistics.count("verdict.accept")
    return statistics


def test_a_window_survives_the_wire():
    base = baseline()
    statistics = filled(base, 50, 1)
    again_head, again = decode_window(encode_window(head(base, 50), statistics), base)
    assert again == statistics
    assert again_head == head(base, 50)


def test_forty_features_and_three_hundred_parts_fit_two_kilobytes():
    base = baseline(40, 12)
    assert len(encode_window(head(base, 300), filled(base, 300, 2))) <= 2048


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_merging_is_exact_in_any_order(seeds: list[int], order: random.Random):
    base = baseline()
    parts = [filled(base, 7, seed) for seed in seeds]
    merged = []
    for _ in range(2):
        order.shuffle(parts)
        total = Statistics.empty(base)
        for part in parts:
            total.merge(part)
        merged.append(total)
    assert merged[0] == merged[1]
    assert merged[0].tallies["f00"].n == 7 * len(seeds)


@given(st.lists(st.floats(-1e9, 1e9), max_size=50))
def test_merged_equals_sequential(values: list[float]):
    base = baseline(1)
    feature = base.features[0]
    whole, left, right = (Statistics.empty(base) for _ in range(3))
    for index, value in enumerate(values):
        whole.tallies["f00"].add(feature, value)
        (left if index % 2 else right).tallies["f00"].add(feature, value)
    left.merge(right)
    assert left == whole


@pytest.mark.fault("M12")
def test_windows_of_another_baseline_are_refused():
    base, other = baseline(), baseline(bins=11)
    with pytest.raises(Rejected, match="cannot be merged"):
        filled(base, 3, 1).merge(filled(other, 3, 1))
    with pytest.raises(Rejected, match="baseline"):
        decode_window(encode_window(head(base, 3), filled(base, 3, 1)), other)


def test_values_that_are_no_number_are_counted_apart():
    base = baseline(1)
    statistics = Statistics.empty(base)
    for value in (math.nan, math.inf, -math.inf, 6.0):
        statistics.tallies["f00"].add(base.features[0], value)
    assert (statistics.tallies["f00"].n, statistics.tallies["f00"].invalid) == (1, 3)


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_torn_windows_are_rejected(cut: int):
    base = baseline()
    with pytest.raises(Rejected):
        decode_window(encode_window(head(base, 3), filled(base, 3, 1))[:cut], base)


def test_a_bomb_is_not_inflated():
    with pytest.raises(Rejected, match="cut off"):
        decode_window(zlib.compress(b"[" * 10_000_000), None)


@given(st.binary(max_size=300))
def test_noise_raises_nothing_but_rejected(noise: bytes):
    for payload in (noise, zlib.compress(noise)):
        with pytest.raises(Rejected):
            decode_window(payload, baseline())
