"""What all tests share: real programs started for a test, and what happens when one is not installed."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.simulators.registry import RegistrySimulator

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with slow tests first: what runs beside others must not be begun last."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep that order where several processes run whole files."""
    from tests.scheduling import InOrder

    return InOrder(config, log) if config.getoption("dist") == "loadfile" else None


def absent(what: str) -> None:
    """Fail in CI, where everything is installed; elsewhere leave the test out and say what it needs."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"needs {what}")


def program(*names: str) -> str:
    """Return the path of the first program found."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    absent(f"the program {names[0]}")
    raise AssertionError


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until `condition` holds. Fails the test when it does not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"{what} did not happen within {seconds} s")


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let what the tests and the libraries in them leave in the temporary folder lie in one that goes with them."""
    tmp_path_factory.getbasetemp()
    folder = tempfile.mkdtemp(prefix="lineside-")
    # Later than multiprocessing removes its own folder in it, which is at exit, with priority -100.
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)
    Path(folder).chmod(0o711)  # what a test does as somebody else lies in it, too
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real pictures, named by LINESIDE_DATA."""
    folder = os.environ.get("LINESIDE_DATA")
    if not folder or not (Path(folder) / "magnetic-tile" / "labels.csv").is_file():
        absent("the environment variable LINESIDE_DATA with the folder of real pictures")
    return Path(str(folder))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that can run headless."""
    return program("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
def registry() -> Iterator[RegistrySimulator]:
    """A real TUF registry over HTTP."""
    from tests.simulators.registry import RegistrySimulator

    with RegistrySimulator() as simulator:
        yield simulator
