"""A camera by RTSP before the real hot loop: a real server on a real socket, read by FFmpeg inside OpenCV."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.backoff import LONGEST_RECONNECT_S
from edge_agent.capture.camera import Camera
from edge_agent.capture.sources import make_source
from edge_agent.clock import SYSTEM
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.errors import Unavailable
from tests.conftest import wait_for
from tests.simulators.line import GOOD, SCRATCHED, Bench, LineRig, altered_bundle, picture
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.rtsp_camera import PERIOD_S, RtspCamera

BUSY_S = 0.3
"""What a machine under other tests may add to a figure."""


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    camera = RtspCamera(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    yield camera
    camera.unplug()


def seconds(change: Callable[[], None], happened: Callable[[], bool]) -> float:
    started = time.monotonic()
    change()
    while not happened():
        assert time.monotonic() - started < 10, "it did not happen"
        time.sleep(0.001)
    return time.monotonic() - started


@pytest.mark.fault("A10")
def test_a_station_judges_what_an_rtsp_camera_sends_loses_it_and_finds_it_again(
    tmp_path: Path, camera: RtspCamera
) -> None:
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__deadline_ms=2000)
    config = StationConfig(trigger=TriggerConfig(kind="http"))
    with LineRig(tmp_path / "home", bundle, config, make_source(camera.url)) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 20, "the first connection")
        for count, (change, reason, detail) in enumerate(
            [(camera.plug_in, "model", ""), (camera.unplug, "no-image", "unplugged"), (camera.plug_in, "model", "")], 1
        ):
            if count > 1:
                change()
                wait_for(lambda gone=reason != "model": rig.hot.interlock.ready is not gone, 20, "the camera's state")
            rig.channel.deliver({"kind": "trigger", "serial": "", "request": "r"})
            rig.step(until=count)
            part = rig.parts()[-1]
            assert (part.reason, part.detail) == (reason, detail)
            assert part.latency_ms is not None
            assert part.latency_ms <= 2000


def test_an_rtsp_camera_that_hangs_is_lost_after_a_second(camera: RtspCamera) -> None:
    watched = Camera(make_source(camera.url), SYSTEM)
    watched.start()
    wait_for(lambda: not watched.fault, 20, "the first connection")
    wait_for(lambda: watched.grab(SYSTEM.monotonic() + 1) is not None, 5, "a frame")

    def hang() -> None:
        camera.silent = True

    assert 0.9 <= seconds(hang, lambda: "gives no frames" in watched.fault) <= 1.0 + PERIOD_S + BUSY_S
    watched.close()


@pytest.mark.parametrize(("kind", "back_s"), [(NetworkCamera, 1.0), (RtspCamera, 1.6)], ids=["http", "rtsp"])
def test_a_lost_camera_is_a_fault_at_once_and_is_used_again_soon(kind: type, back_s: float) -> None:
    """A6. FFmpeg in OpenCV 4.11 looks at twenty pictures of an RTSP stream before it opens: 0.8 s at 25 a second."""
    camera = kind(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    watched = Camera(make_source(camera.url), SYSTEM)
    watched.start()
    wait_for(lambda: not watched.fault, 20, "the first connection")
    lost, back = [], []
    for _ in range(3):
        wait_for(lambda: watched.grab(SYSTEM.monotonic() + 1) is not None, 5, "a frame")
        lost.append(seconds(camera.unplug, lambda: bool(watched.fault)))
        back.append(seconds(camera.plug_in, lambda: not watched.fault))
    watched.close()
    camera.unplug()
    assert sorted(lost)[1] <= PERIOD_S + 0.2
    assert sorted(back)[1] <= back_s


def test_pictures_from_before_the_connection_are_not_given() -> None:
    """What came while FFmpeg looked at the stream shows a part that is gone."""
    shades = [np.full((80, 80), 4 * shade, np.uint8) for shade in range(60)]
    ramp = RtspCamera(free_port(), shades)
    ramp.plug_in()
    source = make_source(ramp.url)
    started = time.monotonic()
    source.open()
    frame = source.read()
    age = time.monotonic() - started
    source.close()
    ramp.unplug()
    assert frame is not None
    assert frame.picture is not None
    shown = float(frame.picture.mean()) / 4 * PERIOD_S
    assert age - shown <= 3 * PERIOD_S + BUSY_S


def test_reconnects_come_after_longer_and_longer_pauses_that_differ_between_stations() -> None:
    class Away(Bench):
        """A camera that never answers, and notes when it was asked."""

        def open(self) -> None:
            asked.append(time.monotonic())
            raise Unavailable("away")

    def pauses(draw: float) -> list[float]:
        asked.clear()
        watched = Camera(Away(live=True), SYSTEM, lambda: draw)
        watched.start()
        wait_for(lambda: len(asked) >= 4, 10, "four tries")
        watched.close()
        return [later - earlier for earlier, later in itertools.pairwise(asked[:4])]

    asked: list[float] = []
    early, late = pauses(0.0), pauses(0.99)
    for found, wanted in ((early, (0.2, 0.3, 0.6)), (late, (0.2, 0.4, 0.8))):
        for pause, least in zip(found, wanted, strict=True):
            assert least * 0.98 <= pause <= least + 0.06 + BUSY_S <= LONGEST_RECONNECT_S
