"""Streams of windows: pooling, alarms, the end of alarms, and the finding of a site."""

import random

import pytest

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.window import Statistics
from fleet.monitoring.causes import Cause
from fleet.monitoring.detectors import Outcome, Pool, Reference, Stream, absorb, merged_tests
from fleet.monitoring.evidence import Budget
from fleet.monitoring.grouping import DEVICE, SITE, StreamKey, site_finding
from tests.simulators.production import PARTS, baseline, window


@pytest.fixture(scope="module")
def reference():
    return Reference.of(baseline(), Budget())


def feed(reference, stream, rng, count, parts=PARTS, factor=1.0, start=0, threshold=1e5):
    for i in range(count):
        piece = Pool(window(reference.baseline, rng, parts, factor), start + i * 1000, start + i * 1000 + 999, parts)
        stream, outcome = absorb(stream, piece, reference, threshold)
    return stream, outcome


def test_small_windows_are_pooled_until_there_are_enough_parts(reference):
    rng = random.Random(2)
    stream, outcome = feed(reference, Stream(), rng, 4, parts=12)
    assert (outcome, stream.tests, stream.pool.parts) == (Outcome.INSUFFICIENT, 0, 48)
    stream, outcome = feed(reference, stream, rng, 1, parts=12, start=4000)
    assert (outcome, stream.tests, stream.pool) == (Outcome.TESTED, 1, None)
    test = stream.recent[-1]
    assert (test.parts, test.windows, test.started_ms, test.ended_ms) == (60, 5, 0, 4999)


def test_pooled_windows_equal_one_large_window(reference):
    rng = random.Random(3)
    pieces = [window(reference.baseline, rng, 10) for _ in range(5)]
    whole = Statistics.empty(reference.baseline)
    stream = Stream()
    for piece in pieces:
        whole.merge(piece)
        stream, _ = absorb(stream, Pool(piece, 0, 1, 10), reference, 1e5)
    assert stream.recent[-1].statistics.tallies == whole.tallies
    assert pieces[0].tallies != whole.tallies


def test_darker_lamp_alarms_and_the_alarm_ends_after_the_repair(reference):
    rng = random.Random(4)
    stream, _ = feed(reference, Stream(), rng, 20)
    assert not stream.alarmed
    stream, _ = feed(reference, stream, rng, 5, factor=0.8, start=20_000)
    assert "brightness" in stream.alarmed
    assert "score" not in stream.alarmed
    stream, _ = feed(reference, stream, rng, 2, start=40_000)
    assert stream.alarmed
    stream, _ = feed(reference, stream, rng, 1, start=50_000)
    assert not stream.alarmed


def test_window_of_another_schema_is_refused(reference):
    other = baseline(seed=2)
    bent = other.features[0].model_copy(update={"step": 0.5})
    other = other.model_copy(update={"features": (bent, *other.features[1:])})
    with pytest.raises(Rejected, match="publish the bundle"):
        absorb(Stream(), Pool(Statistics.empty(other), 0, 1, 60), reference, 1e5)


def test_feature_without_calibration_is_shown_but_never_alarms(reference):
    short = reference.baseline.model_copy(update={"calibration": {"score": (0.1, 0.2)}})
    stream, _ = feed(Reference.of(short, Budget()), Stream(), random.Random(5), 8, factor=0.5)
    assert not stream.alarmed
    assert stream.recent[-1].readings["brightness"].score > 3


def keys(*devices):
    return [StreamKey(SITE, "north", "", "b" * 64), *(StreamKey(DEVICE, "north", d, "b" * 64) for d in devices)]


def test_one_finding_for_a_site_with_many_alarming_streams(reference):
    rng = random.Random(6)
    streams = {key: feed(reference, Stream(), rng, 6, factor=0.8)[0] for key in keys("d1", "d2", "d3")}
    finding = site_finding(streams, reference)
    assert finding.diagnosis.cause is Cause.LIGHTING
    assert finding.devices == ("d1", "d2", "d3")
    assert set(finding.alarmed) == {"brightness", "contrast", "sharpness"}
    assert finding.readings["brightness"].shift == pytest.approx(-4.0, abs=0.3)
    assert finding.windows.parts == 6 * PARTS


def test_effect_size_is_not_diluted_by_windows_before_the_change(reference):
    rng = random.Random(7)
    stream, _ = feed(reference, Stream(), rng, 10)
    stream, _ = feed(reference, stream, rng, 4, factor=0.8, start=10_000)
    finding = site_finding({keys()[0]: stream}, reference)
    assert finding.readings["brightness"].shift == pytest.approx(-4.0, abs=0.3)
    assert finding.windows.windows == 4


def test_one_device_of_many_is_named_when_the_site_as_a_whole_is_fine(reference):
    rng = random.Random(8)
    site, good, bad = keys("d1", "d2")
    streams = {
        site: feed(reference, Stream(), rng, 6)[0],
        good: feed(reference, Stream(), rng, 6)[0],
        bad: feed(reference, Stream(), rng, 6, factor=0.8)[0],
    }
    finding = site_finding(streams, reference)
    assert finding.devices == ("d2",)
    assert finding.windows.parts == 6 * PARTS


def test_nothing_alarms_nothing_is_found(reference):
    rng = random.Random(9)
    assert site_finding({key: feed(reference, Stream(), rng, 3)[0] for key in keys("d1")}, reference) is None
    assert merged_tests(()) is None
