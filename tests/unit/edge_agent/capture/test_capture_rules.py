"""Triggers, guards, and the camera's patience."""

from __future__ import annotations

import numpy as np

from edge_agent.backoff import FIRST_RECONNECT_S, LONGEST_RECONNECT_S, reconnect_delay
from edge_agent.capture.camera import Camera
from edge_agent.capture.frame import Frame
from edge_agent.capture.guards import Repeats, fingerprint, frozen, picture_failure
from edge_agent.capture.triggers import Interval, Taken, Trigger, TriggerQueue
from edge_agent.contracts.recipe import Guards
from edge_agent.contracts.verdict import Reason
from tests.simulators.clock import HandClock
from tests.simulators.line import Bench, picture


def test_reconnects_wait_longer_each_time_but_never_too_long() -> None:
    delays = [reconnect_delay(attempt, 1.0) for attempt in range(8)]
    assert delays[0] == FIRST_RECONNECT_S
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_RECONNECT_S
    assert {reconnect_delay(6, draw / 10) for draw in range(10)} != {LONGEST_RECONNECT_S}, "stations are spread"


def test_the_queue_takes_so_many_and_no_bounce() -> None:
    queue = TriggerQueue(2, 0.05)
    taken = [queue.offer(Trigger(at)) for at in (0.0, 0.01, 0.1, 0.2)]
    assert taken == [Taken.QUEUED, Taken.BOUNCED, Taken.QUEUED, Taken.OVERRUN]
    assert [trigger.at for trigger in (queue.take(), queue.take()) if trigger] == [0.0, 0.1]
    assert queue.take() is None


def test_an_interval_keeps_its_grid_and_forgets_what_was_not_ready() -> None:
    ticks = Interval(0.5, 10.0)
    assert [t.at for t in ticks.due(11.2)] == [10.5, 11.0]
    ticks.restart(20.0)
    assert ticks.due(20.4) == []
    assert [t.at for t in ticks.due(20.5)] == [20.5]


def test_black_saturated_and_blurred_pictures_are_no_pictures() -> None:
    guards = Guards(brightness_min=10, brightness_max=240, sharpness_min=5)
    assert picture_failure(120, 8, guards) is None
    for brightness, sharpness in ((5, 8), (250, 8), (120, 4)):
        assert picture_failure(brightness, sharpness, guards) is Reason.BAD_IMAGE


def test_only_a_live_camera_can_freeze() -> None:
    guards, same = Guards(repeats_max=3), np.zeros((40, 40), np.uint8)
    repeats = Repeats()
    for _ in range(3):
        repeats = repeats.seen(fingerprint(Frame(same)))
    assert frozen(repeats, guards)
    assert not frozen(repeats.seen(fingerprint(Frame(same + 1))), guards)
    assert fingerprint(Frame(same, live=False)) is None


def test_a_stored_source_is_paced_by_parts_not_by_views() -> None:
    hand = HandClock()
    bench = Bench(period_s=1.0, clock=hand.clock)
    for serial in ("a", "b"):
        for view in range(2):
            bench.show(picture(), serial, view, 2)
    camera = Camera(bench, hand.clock)
    camera.start()
    now = hand.clock.monotonic
    assert [f.view for f in (camera.grab(now()), camera.grab(now())) if f] == [0, 1]
    assert camera.grab(now()) is None, "the next part is not due yet"
    hand.forward(1.0)
    frame = camera.grab(now())
    assert frame is not None
    assert frame.serial == "b"


def test_of_a_live_camera_only_the_latest_frame_counts() -> None:
    bench = Bench(live=True)
    for index in range(3):
        bench.show(picture(), f"f{index}")
    camera = Camera(bench, bench.clock)
    camera.start()
    while not bench.frames.empty() or camera._latest is None or camera._latest.serial != "f2":
        pass
    frame = camera.grab(bench.clock.monotonic() + 1)
    assert frame is not None
    assert frame.serial == "f2"
    assert camera.grab(bench.clock.monotonic() + 0.02) is None, "no frame is given twice"
    camera.close()
