"""Counting many pictures at once gives the very integers that counting them one by one gives."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.contracts.window import Baseline, Feature, Statistics, Tally, WindowHead, encode_window

ANY = st.one_of(
    st.floats(width=32),
    st.sampled_from([-0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, -1.0, 3.0, 1e9, -1e9]),
)
"""Everything a graph may answer, and often a bin's edge or the middle between two quanta."""

ROWS = st.lists(st.tuples(ANY, ANY, ANY), max_size=40)


def feature(name: str, edges: tuple[float, ...], origin: float, step: float) -> Feature:
    counts = (1,) * (len(edges) + 1)
    return Feature(name=name, edges=edges, origin=origin, step=step, counts=counts, mean=0.0, deviation=1.0)


BASELINE = Baseline(
    features=(
        feature("score", (-1.0, 0.0, 0.5, 1.0), 0.0, 0.001),
        feature("halves", (1.0,), 0.5, 1.0),
        feature("tiny", (0.0, 1.0), 0.1, 1e-300),
    ),
    labels=("ok", "bad"),
)


def one_by_one(rows: list[tuple[float, float, float]]) -> Statistics:
    statistics = Statistics.empty(BASELINE)
    for row in rows:
        for each, value in zip(BASELINE.features, row, strict=True):
            statistics.tallies[each.name].add(each, value)
    return statistics


def at_once(*batches: list[tuple[float, float, float]]) -> Statistics:
    statistics = Statistics.empty(BASELINE)
    for batch in batches:
        statistics.add(BASELINE, np.array(batch, np.float32).reshape(-1, 3))
    return statistics


@given(ROWS, st.integers(0, 40))
def test_at_once_is_one_by_one_down_to_the_bytes_sent(rows: list[tuple[float, float, float]], cut: int) -> None:
    single, together = one_by_one(rows), at_once(rows)
    assert together == single
    assert at_once(rows[:cut], rows[cut:]) == at_once(rows[cut:], rows[:cut]) == single
    key = {"boot": UUID(int=1), "seq": 1, "schema_id": BASELINE.schema_id, "bundle": "b" * 64}
    head = WindowHead(**key, started_ms=0, ended_ms=1, parts=len(rows))
    assert encode_window(head, together) == encode_window(head, single)


@given(ROWS)
def test_the_counts_are_whole_numbers_of_python(rows: list[tuple[float, float, float]]) -> None:
    for tally in at_once(rows).tallies.values():
        assert all(type(value) is int for value in (*tally.bins, tally.n, tally.total, tally.squares, tally.invalid))
        assert tally.n == sum(tally.bins) == len(rows) - tally.invalid


def test_sums_of_very_many_far_values_are_exact() -> None:
    rows = np.full((100_000, 3), 1e30, np.float32)
    statistics = Statistics.empty(BASELINE)
    statistics.add(BASELINE, rows)
    for tally in statistics.tallies.values():
        assert (tally.n, tally.total, tally.squares) == (100_000, 100_000 << 20, 100_000 << 40)


def test_tallies_with_other_bins_are_not_added() -> None:
    with pytest.raises(ValueError, match="3 bins"):
        Tally([0, 0]).merge(Tally([0, 0, 0]))


def test_a_width_that_is_not_the_baseline_s_is_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        Statistics.empty(BASELINE).add(BASELINE, np.zeros((4, 2), np.float32))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_finite_value_is_too_far_to_be_counted(value: float) -> None:
    for each in BASELINE.features:
        tally = Tally([0] * (len(each.edges) + 1))
        tally.add(each, value)
        assert abs(tally.total) <= 1 << 20
