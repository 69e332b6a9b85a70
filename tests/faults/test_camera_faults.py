"""Cameras that fail, each in its own way: real network cameras before the real hot loop, real folders of pictures."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.capture.sources import make_source
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.events import Decided, Event
from edge_agent.contracts.messages import Stream
from edge_agent.journal import outbox
from edge_agent.journal.journal import PartRow
from tests.conftest import wait_for
from tests.simulators.line import GOOD, PARTS, SCRATCHED, Bench, LineRig, altered_bundle, picture
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera


def requested() -> StationConfig:
    return StationConfig(trigger=TriggerConfig(kind="http"))


def judged(rig: LineRig, serial: str = "") -> PartRow:
    """The next part: asked for, and judged."""
    count = len(rig.parts()) + 1
    rig.channel.deliver({"kind": "trigger", "serial": serial, "request": serial})
    rig.step(until=count)
    return rig.parts()[-1]


def why(part: PartRow) -> tuple[str | None, str | None, str]:
    return part.final, part.reason, part.detail


def whole(rig: LineRig) -> None:
    """The next frame that comes is one that the camera took from now on."""
    assert rig.hot.camera.grab(rig.hot.clock.monotonic() + 5, rig.hot.clock.monotonic() + 0.1) is not None


@pytest.fixture
def camera() -> Iterator[NetworkCamera]:
    camera = NetworkCamera(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    yield camera
    camera.unplug()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__deadline_ms=4000)


@pytest.mark.fault("A10")
def test_an_unplugged_camera_rejects_within_the_deadline_and_comes_back(
    tmp_path: Path, camera: NetworkCamera, bundle: Path
) -> None:
    with LineRig(tmp_path / "home", bundle, requested(), make_source(camera.url)) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 20, "the first connection")
        assert judged(rig, "seen").reason == "model"
        camera.unplug()
        wait_for(lambda: bool(rig.hot.camera.fault), 20, "the fault")
        lost = judged(rig, "unseen")
        assert why(lost) == ("reject", "no-image", "unplugged")
        assert lost.latency_ms is not None
        assert lost.latency_ms <= 4000
        assert not rig.hot.interlock.ready
        camera.plug_in()
        wait_for(lambda: rig.hot.interlock.ready, 20, "the reconnection")
        assert judged(rig, "again").reason == "model"
        rig.step()
        assert rig.hot.journal.tallies()["fault.camera"] == 1
        entries = outbox.page(rig.hot.journal.database, rig.boot, Stream.EVENT, 0, 9)
        told = [Event.model_validate_json(b'{"seq":1,"at_ms":1,"data":%s}' % entry.payload).data for entry in entries]
        assert [part.detail for part in told if isinstance(part, Decided)] == ["", "unplugged", ""]


@pytest.mark.fault("A11")
def test_a_camera_absent_at_boot_is_waited_for(tmp_path: Path, camera: NetworkCamera, bundle: Path) -> None:
    camera.unplug()
    with LineRig(tmp_path / "home", bundle, requested(), make_source(camera.url)) as rig:
        wait_for(lambda: "is it plugged in" in rig.hot.interlock.why, 5, "the first try")
        assert why(judged(rig)) == ("reject", "no-image", "absent")
        assert rig.said("health"), "the rest of the station is told"
        camera.plug_in()
        wait_for(lambda: rig.hot.interlock.ready, 10, "recovery without a person")
        assert judged(rig).reason == "model"


@pytest.mark.fault("A12")
def test_a_camera_that_repeats_itself_is_a_fault(tmp_path: Path, camera: NetworkCamera, bundle: Path) -> None:
    with LineRig(tmp_path / "home", bundle, requested(), make_source(camera.url)) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 20, "the first connection")
        assert judged(rig).reason == "model"
        camera.frozen = True
        whole(rig)
        assert [judged(rig).reason for _ in range(4)][-2:] == ["frozen-image", "frozen-image"]
        assert rig.hot.journal.tallies()["fault.frozen-image"] == 1
        camera.frozen = False
        whole(rig)
        assert judged(rig).reason == "model"


@pytest.mark.fault("A13")
def test_a_covered_lens_and_a_broken_lamp_are_bad_images_and_no_scores(
    tmp_path: Path, camera: NetworkCamera, bundle: Path
) -> None:
    with LineRig(tmp_path / "home", bundle, requested(), make_source(camera.url)) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 20, "the first connection")
        for level, detail in ((0, "black"), (255, "saturated")):
            camera.show(np.full((80, 80), level, np.uint8))
            whole(rig)
            part = judged(rig)
            assert (*why(part), part.score) == ("reject", "bad-image", detail, None)
        camera.show(picture(GOOD))
        whole(rig)
        assert judged(rig).reason == "model"
        tallies = rig.hot.journal.tallies()
        assert (tallies["detail.black"], tallies["detail.saturated"], tallies["reason.bad-image"]) == (1, 1, 2)


@pytest.mark.fault("A13")
def test_a_picture_out_of_focus_is_a_bad_image(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    shutil.copy(PARTS / GOOD, folder / "a.jpg")
    blurred = cv2.GaussianBlur(picture(GOOD), (0, 0), 6.0)
    cv2.imwrite(str(folder / "b.png"), blurred)
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__guards__sharpness_min=5.0)
    with LineRig(tmp_path / "home", bundle, camera=make_source(f"folder://{folder}")) as rig:
        rig.step(until=2)
        assert [why(part) for part in rig.parts()] == [("accept", "model", ""), ("reject", "bad-image", "blurred")]


@pytest.mark.fault("A14")
def test_pictures_that_arrive_by_halves_are_torn_and_never_judged(
    tmp_path: Path, camera: NetworkCamera, bundle: Path
) -> None:
    with LineRig(tmp_path / "home", bundle, requested(), make_source(camera.url)) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 20, "the first connection")
        assert judged(rig).reason == "model"
        camera.torn = True
        whole(rig)
        part = judged(rig)
        assert (*why(part), part.score) == ("reject", "bad-image", "torn", None)
        assert rig.hot.interlock.ready, "the camera is there"
        camera.torn = False
        whole(rig)
        assert judged(rig).reason == "model"


@pytest.mark.fault("A14")
def test_a_torn_frame_is_grabbed_once_more_and_then_rejected(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__deadline_ms=20_000)
    camera = Bench(live=True)
    with LineRig(tmp_path / "home", bundle, camera=camera) as rig:
        camera.show(None)
        threading.Timer(0.2, camera.show, (picture(GOOD),)).start()
        rig.step(0.5, until=1)
        assert rig.parts()[0].reason == "model"
        camera.show(None)
        threading.Timer(0.2, camera.show, (None,)).start()
        rig.step(0.5, until=2)
        assert why(rig.parts()[1]) == ("reject", "bad-image", "torn")


@pytest.mark.fault("A14")
def test_a_file_cut_off_in_the_middle_is_torn(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    data = (PARTS / GOOD).read_bytes()
    (folder / "a.jpg").write_bytes(data[: len(data) // 2])
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1)
    with LineRig(tmp_path / "home", bundle, camera=make_source(f"folder://{folder}")) as rig:
        rig.step(until=1)
        assert why(rig.parts()[0]) == ("reject", "bad-image", "torn")
