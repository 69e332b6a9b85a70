"""A whole station at a V4L2 camera simulated below libc: OpenCV's V4L2 backend and its ioctls are the real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from edge_agent.home import Home, read_json
from edge_agent.status import station_status
from tests.conftest import wait_for
from tests.integration.test_station_processes import SLOW_S, hot_status, running
from tests.simulators.line import altered_bundle, environment, install
from tests.simulators.v4l2_device import DEVICE, V4l2Device

pytestmark = pytest.mark.slow
WANTED = {"recipe__camera__exposure_us": 5000, "recipe__camera__gain_db": 6.0}
SET = ["automatic 1", "exposure 50", "gain 60"]


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> V4l2Device:
    """The camera, for all processes that are started from now on."""
    device = V4l2Device(tmp_path / "camera")
    for name, value in device.environment.items():
        monkeypatch.setenv(name, value)
    return device


def make_home(folder: Path, source: str, **recipe: Any) -> Home:
    home = Home(folder / "home")
    changes = {"recipe__views__count": 1, "recipe__deadline_ms": 1500, "recipe__automation": "full", **recipe}
    install(home, altered_bundle(folder / "bundle", **changes))
    settings = {"source": source, "trigger": {"kind": "http"}, "ui": {"port": 0}}
    home.config.write_text(yaml.safe_dump(settings))
    return home


def ask(home: Home) -> dict[str, Any]:
    """Trigger a part by HTTP; return the answer."""
    wait_for(lambda: bool(read_json(home.station).get("ui")), SLOW_S, "the page")
    token = (home.root / "api.token").read_text().strip()
    url = f"{read_json(home.station)['ui']}api/trigger"
    answer = httpx.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=SLOW_S)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def command(*arguments: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-m", "edge_agent.cli", *arguments, "--json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SLOW_S,
    )
    lines: list[Any] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]
    return lines


def camera_finding(home: Home) -> dict[str, Any]:
    findings = command("doctor", "--home", str(home.root))[-1]["findings"]
    found: dict[str, Any] = next(finding for finding in findings if finding["check"] == "camera")
    return found


def is_ready(home: Home) -> bool:
    return bool(hot_status(home).get("ready"))


@pytest.mark.fault("A10")
def test_a_station_judges_what_it_gives_loses_it_and_finds_it_again(tmp_path: Path, camera: V4l2Device) -> None:
    home = make_home(tmp_path, f"usb:{DEVICE}?gain_steps=10", **WANTED)
    with running(home):
        wait_for(lambda: is_ready(home), SLOW_S, "the camera, set as the recipe says")
        assert camera.was_set == SET
        assert ask(home)["reason"] in ("model", "unsure")
        camera.unplug()
        wait_for(lambda: not is_ready(home), SLOW_S, "the loss to be noticed")
        assert "gives no frames" in hot_status(home)["why"] or "does not answer" in hot_status(home)["why"]
        assert (ask(home)["verdict"], ask(home)["reason"]) == ("reject", "no-image")
        camera.plug_in()
        wait_for(lambda: is_ready(home), SLOW_S, "the camera again")
        assert camera.was_set == SET * 2, "a camera that had no power has forgotten its settings"
        assert ask(home)["reason"] in ("model", "unsure")
        camera.hang()
        assert ask(home)["reason"] == "no-image", "within the part's deadline, whatever the driver does"
        wait_for(lambda: not is_ready(home), SLOW_S, "the hanging camera to be noticed")
        camera.go_on()
        wait_for(lambda: is_ready(home), SLOW_S, "the camera once more")
    counts = station_status(home)["counts"]
    assert (counts["detail.unplugged"], counts["detail.silent"]) == (2, 1)


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("automatic", "cannot leave automatic exposure"),
        ("exposure", "refuses an exposure of 5000 us"),
        ("gain", "refuses a gain of 6 dB"),
    ],
)
def test_a_camera_without_a_control_that_the_recipe_sets_is_a_fault(
    tmp_path: Path, camera: V4l2Device, control: str, words: str
) -> None:
    camera.refuse(control)
    home = make_home(tmp_path, f"usb:{DEVICE}?gain_steps=10", **WANTED)
    found = camera_finding(home)
    assert not found["ok"]
    assert words in found["found"]


def test_an_exposure_that_the_driver_clamps_is_read_back_and_said(tmp_path: Path, camera: V4l2Device) -> None:
    found = camera_finding(make_home(tmp_path, f"usb:{DEVICE}", recipe__camera__exposure_us=90_000))
    assert not found["ok"]
    assert "exposure is 50000 us, the recipe wants 90000 us" in found["found"]
    assert camera.was_set == ["automatic 1", "exposure 500"]


@pytest.mark.parametrize(("options", "size"), [("", "640 x 480"), ("?width=320&height=240", "320 x 240")])
def test_it_gives_pictures_of_the_size_that_is_asked_for(
    tmp_path: Path, camera: V4l2Device, options: str, size: str
) -> None:
    found = camera_finding(make_home(tmp_path, f"usb:77{options}"))
    assert found["ok"], found
    assert found["found"].endswith(size)
    assert camera.was_set == [], "a recipe that says nothing leaves the camera as it is"
