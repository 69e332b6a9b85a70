"""What a recipe sets on the camera: rules, the driver's controls, and a station that waits until all is as wanted."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import yaml

from edge_agent.capture import v4l2
from edge_agent.capture.settings import NOTHING, CameraSettings, deviation
from edge_agent.capture.sources import make_source
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.contracts.errors import Rejected
from edge_agent.doctor import examine
from edge_agent.home import Home
from edge_agent.station.health import Report, readiness
from tests.conftest import wait_for
from tests.simulators.line import GOOD, Bench, LineRig, altered_bundle, install, picture
from tests.simulators.machine_camera import MachineCamera, SensorControls
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera

REQUESTED = StationConfig(trigger=TriggerConfig(kind="http"))


def bundle(folder: Path, **camera: object) -> Path:
    changes = {f"recipe__camera__{name}": value for name, value in camera.items()}
    return altered_bundle(folder, recipe__views__count=1, recipe__deadline_ms=3000, **changes)


def ask(rig: LineRig) -> tuple[str | None, str | None, str]:
    count = len(rig.parts()) + 1
    rig.channel.deliver({"kind": "trigger", "serial": "", "request": "r"})
    rig.step(until=count)
    part = rig.parts()[-1]
    return part.final, part.reason, part.detail


def test_what_steps_round_off_is_as_wanted_and_more_is_not() -> None:
    wanted = CameraSettings(10_000, 6.0)
    assert deviation(wanted, CameraSettings(10_040, 6.1)) == ""
    assert deviation(NOTHING, NOTHING) == ""
    assert "exposure is 5000 us, the recipe wants 10000 us" in deviation(wanted, CameraSettings(5000, 6.0))
    assert "gain is 0 dB, the recipe wants 6 dB" in deviation(wanted, CameraSettings(10_000, 0.0))
    assert "does not say its gain" in deviation(wanted, CameraSettings(10_000, None))
    assert "exposure is nan us" in deviation(wanted, CameraSettings(float("nan"), 6.0))


def test_a_driver_is_set_in_its_own_units_and_read_back() -> None:
    sensor = SensorControls()
    found = v4l2.adjust(sensor, CameraSettings(5000, 6.0), 10.0)
    assert found == CameraSettings(5000, 6.0)
    assert sensor.values[cv2.CAP_PROP_EXPOSURE] == 50.0, "100 microseconds each"
    assert v4l2.adjust(sensor, CameraSettings(gain_db=3.0), 10.0) == CameraSettings(None, 3.0)
    assert sensor.values[cv2.CAP_PROP_EXPOSURE] == 50.0, "what is not wanted stays"


@pytest.mark.parametrize(
    ("refuses", "wanted", "steps", "said"),
    [
        ({cv2.CAP_PROP_AUTO_EXPOSURE}, CameraSettings(5000), None, "cannot leave automatic exposure"),
        ({cv2.CAP_PROP_EXPOSURE}, CameraSettings(5000), None, "refuses an exposure of 5000 us"),
        ({cv2.CAP_PROP_GAIN}, CameraSettings(gain_db=3.0), 10.0, "refuses a gain of 3 dB"),
        (set(), CameraSettings(gain_db=3.0), None, "gain_steps=10"),
    ],
)
def test_a_driver_that_refuses_is_said_in_plain_words(
    refuses: set[int], wanted: CameraSettings, steps: float | None, said: str
) -> None:
    with pytest.raises(Rejected, match=said):
        v4l2.adjust(SensorControls(refuses=frozenset(refuses)), wanted, steps)


def test_a_camera_is_set_with_the_model_and_again_after_it_was_away(tmp_path: Path) -> None:
    camera = MachineCamera(picture(GOOD))
    first, second = bundle(tmp_path / "a", exposure_us=20_000, gain_db=0.0), bundle(tmp_path / "b", exposure_us=5_000)
    with LineRig(tmp_path / "home", first, REQUESTED, camera) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 10, "the camera is set")
        assert camera.sensor.values[cv2.CAP_PROP_EXPOSURE] == 200.0
        assert ask(rig)[1] == "model"
        rig.channel.deliver({"kind": "activate", "bundle": install(rig.home, second, active=False)})
        wait_for(lambda: (rig.step(), camera.sensor.values[cv2.CAP_PROP_EXPOSURE] == 50.0)[1], 10, "the changeover")
        wait_for(lambda: rig.hot.interlock.ready, 10, "the camera is set anew")
        camera.plugged.clear()
        wait_for(lambda: bool(rig.hot.camera.fault), 10, "the loss")
        camera.plugged.set()
        wait_for(lambda: rig.hot.interlock.ready, 10, "the return")
        frame = rig.hot.camera.grab(rig.hot.clock.monotonic() + 5)
        assert frame is not None
        assert frame.picture is not None
        assert camera.opened == 2
        assert camera.sensor.values[cv2.CAP_PROP_EXPOSURE] == 50.0, (
            "a camera without power forgets; the station does not"
        )
        assert float(frame.picture.mean()) == pytest.approx(float(picture(GOOD).mean()) / 2, abs=4)


def test_a_camera_that_cannot_do_it_keeps_the_station_from_being_ready(tmp_path: Path) -> None:
    camera = MachineCamera(picture(GOOD), SensorControls(longest=100.0))
    refused, possible = bundle(tmp_path / "a", exposure_us=20_000), bundle(tmp_path / "b", exposure_us=5_000)
    with LineRig(tmp_path / "home", refused, REQUESTED, camera) as rig:
        wait_for(lambda: "wants 20000 us" in rig.hot.interlock.why, 10, "the refusal")
        assert "the camera's exposure is 10000 us" in rig.hot.interlock.why
        assert ask(rig) == ("reject", "no-image", "settings")
        assert rig.hot.journal.tallies()["fault.camera-settings"] == 1
        ready = readiness(Report(0.0, rig.hot.health()), 0.0)
        assert (ready.code, ready.detail) == ("camera-settings", rig.hot.interlock.why)
        rig.channel.deliver({"kind": "activate", "bundle": install(rig.home, possible, active=False)})
        wait_for(lambda: (rig.step(), rig.hot.interlock.ready)[1], 10, "a recipe that the camera can do")
        assert ask(rig)[1] == "model"


def test_a_camera_that_can_be_set_later_is_tried_again(tmp_path: Path) -> None:
    camera = MachineCamera(picture(GOOD), SensorControls(silent=frozenset({cv2.CAP_PROP_EXPOSURE})))
    with LineRig(tmp_path / "home", bundle(tmp_path / "a", exposure_us=5_000), REQUESTED, camera) as rig:
        wait_for(lambda: "does not say its exposure" in rig.hot.interlock.why, 10, "the refusal")
        camera.sensor.silent = frozenset()
        wait_for(lambda: rig.hot.interlock.ready, 10, "another try, without a person")


def test_a_source_that_cannot_be_set_says_so_and_a_stored_one_does_not_mind(tmp_path: Path) -> None:
    recipe = bundle(tmp_path / "a", exposure_us=5_000)
    with LineRig(tmp_path / "live", recipe, REQUESTED, Bench(live=True)) as rig:
        wait_for(lambda: "cannot be set" in rig.hot.interlock.why, 10, "the refusal")
    with LineRig(tmp_path / "stored", recipe) as rig:
        rig.camera.show(picture(GOOD))
        rig.step(until=1)
        assert rig.parts()[0].reason == "model"


def test_a_network_camera_is_set_on_its_own_page_and_its_address_says_so(tmp_path: Path) -> None:
    recipe, camera = bundle(tmp_path / "a", exposure_us=5_000), NetworkCamera(free_port(), [picture(GOOD)])
    camera.plug_in()
    with LineRig(tmp_path / "b", recipe, REQUESTED, make_source(camera.url)) as rig:
        wait_for(lambda: "settings=own" in rig.hot.interlock.why, 10, "the refusal")
    with LineRig(tmp_path / "c", recipe, REQUESTED, make_source(f"{camera.url}?settings=own")) as rig:
        wait_for(lambda: rig.hot.interlock.ready, 10, "trust in the address")
        assert ask(rig)[1] == "model"
    camera.unplug()


def test_the_doctor_says_that_the_camera_is_not_set_as_the_installed_recipe_says(tmp_path: Path) -> None:
    home, camera = Home(tmp_path / "home"), NetworkCamera(free_port(), [picture(GOOD)])
    home.root.mkdir()
    install(home, bundle(tmp_path / "a", exposure_us=5_000))
    camera.plug_in()
    for more, ok, said in (("", False, "settings=own"), ("?settings=own", True, "80 x 80")):
        home.config.write_text(yaml.safe_dump({"source": camera.url + more, "ui": {"port": 0}}))
        (found,) = (finding for finding in examine(home) if finding.check == "camera")
        assert (found.ok, said in found.found) == (ok, True), found
    camera.unplug()
