"""Screens at a real station, in a real headless Chromium; and one trained model that several tests look at."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from edge_agent.home import Home
from edge_agent.station.pinbook import PinBook, Role
from tests.conftest import CHROMIUM_FLAGS
from tests.simulators.screens import LARGE, log_in
from tests.simulators.station import PIN, StationHome, serving
from tests.simulators.tiny_pipeline import result, run


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def where_the_tests_are():
    """Processes that are started meanwhile look for a step's function among the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
        yield


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A folder of 40 sample parts."""
    from trainer.samples.generate import generate_samples

    folder = tmp_path_factory.mktemp("data") / "parts"
    generate_samples(folder, 40, 3, frames=2)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_data, tmp_path_factory):
    """The root of a pipeline that has run once on `tiny_data`, and the answer of that run."""
    root, temporary = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("temporary")
    found = result(run(tiny_data, root, temporary=temporary))
    assert sorted(temporary.iterdir()) == []
    assert sorted((root / "staging").iterdir()) == []
    return root, found


@pytest.fixture(scope="module")
def pins(tmp_path_factory):
    book = PinBook(tmp_path_factory.mktemp("pins") / "pins.json")
    for name, role in (("Anna", Role.OPERATOR), ("Ben", Role.OPERATOR), ("Chiara", Role.SUPERVISOR)):
        book.add(name, PIN, role)
    return book.path


@pytest.fixture
def station(tmp_path, pins):
    home = StationHome(Home(tmp_path / "station"))
    shutil.copy(pins, home.home.root / "pins.json")
    yield home
    home.journal.database.close()


@pytest.fixture
def screen(browser, station):
    """Open screens at the station; at the end none may have had a script error or asked another host."""
    troubles = []
    with ExitStack() as open_ones:
        running = open_ones.enter_context(serving(station))

        def opened(name="", size=LARGE, touch=False, theme="dark", language="en-GB"):
            context = browser.new_context(viewport=size, has_touch=touch, color_scheme=theme, locale=language)
            open_ones.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda m: troubles.append(m.text) if "Content Security Policy" in m.text else None)
            page.on("request", lambda r: None if r.url.startswith(running.url) else troubles.append(r.url))
            page.goto(running.url)
            if name:
                log_in(page, name)
            return page

        opened.running = running
        yield opened
    assert troubles == []
