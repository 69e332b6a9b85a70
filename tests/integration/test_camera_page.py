"""The camera's page at a whole station, `edge-agent run`: real processes, a real network camera, a real Chromium."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import cv2
import httpx
import numpy as np
import pytest
import yaml
from playwright.sync_api import expect

from edge_agent.capture.synthetic import draw_part
from edge_agent.home import Home, read_json
from tests.conftest import wait_for
from tests.simulators.line import TINY, altered_bundle, environment, install
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.screens import LARGE, SMALL
from tests.simulators.station import PIN

pytestmark = pytest.mark.slow
CRAMPED = """() => [...document.querySelectorAll("a.tool, button")]
    .map((e) => [e.textContent.trim(), e.getBoundingClientRect()])
    .filter(([, r]) => r.width < 48 || r.height < 48 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1)
    .map(([name, r]) => `${name} ${Math.round(r.width)}x${Math.round(r.height)}`)"""
BLUE = """() => {
    const canvas = document.getElementById("picture"), context = canvas.getContext("2d");
    const [red, green, blue] = context.getImageData(Math.round(canvas.width * 0.05), 4, 1, 1).data;
    return blue > 200 && red < 100;
}"""


def scene() -> np.ndarray:
    """A drawn part, 640 x 480: a milled ground with a ring, bores and a scale of lines, as one focuses on."""
    image = np.asarray(cv2.resize(draw_part(np.random.default_rng(2), 320, "scratch"), (640, 480)), np.uint8)
    cv2.circle(image, (240, 240), 170, 70, 14, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        cv2.circle(image, (int(240 + 110 * np.cos(angle)), int(240 + 110 * np.sin(angle))), 15, 40, -1, cv2.LINE_AA)
    for line in range(24):
        image[150:330, 500 + line * 4 : 502 + line * 4] = 205
    return image


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


@pytest.fixture
def camera():
    camera = NetworkCamera(free_port(), [blurred(scene(), 4.0)], noise=0.3)
    camera.plug_in()
    yield camera
    camera.unplug()


@pytest.fixture
def home(tmp_path, pins, camera):
    """A running station whose recipe looks at the middle of the picture."""
    home = Home(tmp_path / "station")
    home.root.mkdir()
    shutil.copy(pins, home.root / "pins.json")
    settings = {"source": camera.url, "ui": {"port": 0}, "trigger": {"kind": "interval", "every_ms": 200}}
    home.config.write_text(yaml.safe_dump(settings))
    crop = {"left": 0.0, "top": 0.0, "right": 0.75, "bottom": 1.0}
    changes = {"recipe__camera__crop": crop, "recipe__views__count": 1, "recipe__guards__brightness_min": 20.0}
    install(home, altered_bundle(tmp_path / "bundle", TINY, **changes))
    command = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home.root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        wait_for(lambda: bool(read_json(home.station).get("ui")), 60, "the start")
        wait_for(lambda: _hot(home).get("ready") is True, 60, "the camera")
        yield home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _hot(home: Home) -> dict:
    return read_json(home.station).get("status", {}).get("hot", {})


@pytest.fixture
def page_at(browser, home):
    """Open the camera's page in a browser; at the end no other host may have been asked, and no script have failed."""
    troubles, contexts = [], []
    url = read_json(home.station)["ui"]

    def opened(name, size=LARGE, theme="dark", language="en-GB"):
        context = browser.new_context(viewport=size, color_scheme=theme, locale=language, has_touch=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if "Content Security Policy" in m.text else None)
        page.on("request", lambda r: None if r.url.startswith(url) else troubles.append(r.url))
        page.goto(f"{url}camera")
        page.get_by_role("button", name=name).tap()
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        page.wait_for_url("**/camera?lang=*")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def number(page, selector):
    return float(page.locator(selector).inner_text().split()[0])


def test_turning_the_lens_is_seen_in_the_picture_and_in_the_number(page_at, camera, home):
    page = page_at("Chiara")
    expect(page.locator("#wait")).to_be_hidden(timeout=10_000)
    expect(page.locator("#size")).to_have_text("640 × 480")
    first = number(page, "#sharpness")
    for sigma in (2.0, 1.0):
        camera.show(blurred(scene(), sigma))
        wait_for(lambda was=first: number(page, "#sharpness") > 1.3 * was, 10, "a sharper picture")
        first = number(page, "#sharpness")
    expect(page.locator("#share")).to_have_text("100 %")
    camera.show(blurred(scene(), 3.0))
    wait_for(lambda: number(page, "#share") < 60, 10, "less than the best")
    assert number(page, "#best") >= first
    page.locator("#anew").tap()
    wait_for(lambda: number(page, "#share") > 90, 10, "another beginning")
    dark = scene()
    dark[:, :160] = 0
    camera.show(dark)
    wait_for(lambda: 20 < number(page, "#black") <= 100, 10, "clipped pixels are counted")
    wait_for(lambda: page.evaluate(BLUE), 5, "and coloured")
    page.locator("#clipped").tap()
    wait_for(lambda: not page.evaluate(BLUE), 5, "the picture as it is")
    camera.unplug()
    expect(page.locator("#why")).to_contain_text("gives no frames", timeout=8_000)
    camera.plug_in()
    expect(page.locator("#why")).to_be_hidden(timeout=8_000)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_all_of_it_fits_on_a_small_screen_and_under_a_finger(page_at, theme):
    page = page_at("Chiara", SMALL, theme, "de-DE")
    expect(page.locator("#wait")).to_be_hidden(timeout=10_000)
    assert page.evaluate(CRAMPED) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pictures_are_made_for_supervisors_and_programs_and_only_while_somebody_looks(home):
    url = read_json(home.station)["ui"]
    with httpx.Client(base_url=url) as client:
        assert client.get("/camera").headers["location"] == "/?next=camera"
        assert client.get("/api/camera").status_code == 401
        assert client.post("/api/login", json={"name": "Anna", "pin": PIN}).status_code == 200
        assert client.get("/camera").status_code == 403
        assert "set up by a supervisor" in client.get("/camera").text
        assert client.get("/api/camera").json()["code"] == "role"
    time.sleep(0.2)
    assert not home.preview.exists()
    token = {"Authorization": f"Bearer {(home.root / 'api.token').read_text().strip()}"}
    with httpx.Client(base_url=url, headers=token) as program:
        wait_for(lambda: program.get("/api/camera").status_code == 200, 10, "a picture")
        answer = program.get("/api/camera")
        assert cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
        index = answer.headers["X-Picture"].split('"index":')[1].split(",")[0].strip()
        assert program.get("/api/camera", params={"after": index}).status_code in (200, 204)
        assert program.get("/api/camera", params={"after": "x"}).status_code == 422
    wait_for(lambda: not home.preview.exists(), 10, "the end of it")
