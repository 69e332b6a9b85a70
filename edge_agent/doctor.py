"""`edge-agent doctor`: looks at everything a station needs, and says for each fault what a person must do."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.config import StationConfig, load_config
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.credentials import Credentials, load_credentials
from edge_agent.contracts.errors import LinesideError
from edge_agent.home import Home, read_json
from edge_agent.install.selftest import run_selftest
from edge_agent.install.slots import Pointer, read_slots
from edge_agent.install.tuning import delegate_of, read_tuning
from edge_agent.service import machine, peers
from edge_agent.service.machine import Finding
from edge_agent.setup import check_port
from edge_agent.status import is_alive

if TYPE_CHECKING:
    from edge_agent.capture.settings import CameraSettings

_FIRST_FRAME_S = 3.0


def examine(home: Home) -> list[Finding]:
    """Look at everything; what cannot be looked at because of an earlier fault is left out."""
    return list(_examine(home))


def _examine(home: Home) -> Iterator[Finding]:
    config, finding = _read(home, "settings", lambda: load_config(home.config))
    yield finding
    yield machine.user(_station_user(home), home.root)
    yield machine.files(home, os.geteuid())
    yield machine.disk(home.root, config.storage.reserve_mb if config else 64.0)
    yield _runtime()
    credentials, finding = _credentials(home)
    yield from machine.clock(time.time(), credentials.registry.url if credentials else "")
    yield finding
    if credentials is not None:
        yield peers.reachable("broker", credentials.broker.url)
        yield peers.reachable("fleet", credentials.registry.url)
    yield _journal(home)
    yield from _bundle(home, credentials, config)
    yield _pins(home, config)
    if config is not None:
        yield from _recipes(home, config, credentials.device_class if credentials else "generic")
        running = is_alive(read_json(home.station).get("pid"))
        if running:
            yield _running(home)
        yield _in_use("camera") if running else _camera(home, config)
        if config.plc is not None:
            yield _in_use("plc") if running else peers.plc(config.plc)
        if config.speaks_with_the_line:
            yield from peers.line(home, config)
        yield Finding("page", True, str(read_json(home.station).get("ui"))) if running else _port(config)


def _running(home: Home) -> Finding:
    """Say what the running station says of itself: it has camera and PLC in its hands."""
    said = read_json(home.station).get("status", {}).get("hot", {})
    if said.get("ready"):
        return Finding("station", True, "running, and ready")
    why = str(said.get("why") or "it is starting")
    return Finding(
        "station", False, f"running, and not ready: {why}", "mend what is said there; see docs/operations.md"
    )


def _in_use(check: str) -> Finding:
    return Finding(check, True, "in use by the running station")


def _station_user(home: Home) -> int:
    """Return who runs the station, or, where it does not run, who runs this."""
    try:
        return os.stat(f"/proc/{read_json(home.station)['pid']}").st_uid
    except (KeyError, OSError):
        return os.geteuid()


def _read(home: Home, check: str, load: Callable[[], StationConfig]) -> tuple[StationConfig | None, Finding]:
    try:
        return load(), Finding(check, True, str(home.config))
    except LinesideError as error:
        remedy = f"mend {home.config}; keys are described in docs/config.md"
        if not home.config.exists():
            remedy = f"make a station of it: edge-agent enrol FILE --home {home.root}, or edge-agent run with --bundle"
        return None, Finding(check, False, str(error), remedy)


def _runtime() -> Finding:
    from edge_agent.inference.interpreter import load_runtime

    try:
        return Finding("runtime", True, str(load_runtime()))
    except LinesideError as error:
        return Finding("runtime", False, str(error), "pip install lineside[agent]")


def _credentials(home: Home) -> tuple[Credentials | None, Finding]:
    if not home.credentials.exists():
        remedy = f"run 'edge-agent enrol FILE --home {home.root}' with a file from 'fleet enrol'"
        return None, Finding("credentials", True, "not enrolled: runs without a fleet", remedy, warning=True)
    try:
        credentials = load_credentials(home.credentials)
    except LinesideError as error:
        return None, Finding("credentials", False, str(error), "enrol again")
    mode = stat.S_IMODE(home.credentials.stat().st_mode)
    good = mode & 0o077 == 0
    found = f"{credentials.site}/{credentials.device}, mode {mode:o}"
    return credentials, Finding("credentials", good, found, "" if good else f"chmod 600 {home.credentials}")


def _journal(home: Home) -> Finding:
    if not home.journal.exists():
        return Finding("journal", True, "none yet")
    try:
        with closing(sqlite3.connect(f"{home.journal.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)) as journal:
            result = str(journal.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        result = str(error)
    remedy = "start the station again: it sets the file aside, keeps it, and carries over what can be read of it"
    return Finding("journal", result == "ok", result, "" if result == "ok" else remedy)


def _bundle(home: Home, credentials: Credentials | None, config: StationConfig | None) -> Iterator[Finding]:
    device_class = credentials.device_class if credentials else "generic"
    again = "roll the model out again"
    try:
        active = read_slots(home.root).active
        if active is None:
            remedy = "roll one out: fleet rollout MODEL --canary 5%, or run with --bundle DIR"
            yield Finding("model", False, "no model is installed", remedy)
            return
        folder = BundleFolder(home.bundle(active))
        manifest = folder.open(active)
        problems = folder.problems(manifest.blobs_for(device_class))
    except LinesideError as error:
        yield Finding("model", False, str(error), again)
        return
    found = problems[0] if problems else f"{manifest.name} {manifest.version}, {manifest.variant_for(device_class).id}"
    yield Finding("model", not problems, found, again if problems else "")
    if not problems:
        tried = run_selftest(folder, device_class, delegate=delegate_of(config.runtime) if config else None)
        words = f"{len(tried.cases)} golden pictures as they must be, {tried.runtime}" if tried.ok else tried.reason
        yield Finding("self-test", tried.ok, words, "" if tried.ok else again)
        if config is not None and config.runtime.threads == "auto":
            yield _threads(home, active)


def _recipes(home: Home, config: StationConfig, device_class: str) -> Iterator[Finding]:
    """Look whether each product has its model; one without is no fault until it is asked for."""
    pointer = Pointer(home.root, config.model_names)
    for number, name in sorted(config.recipes.items()):
        bundle = pointer.of(name).active
        if bundle is None:
            remedy = f"roll one out before it is asked for: fleet rollout {name} --canary 5%"
            yield Finding(f"recipe {number}", True, f"{name}: no model yet", remedy, warning=True)
            continue
        folder = BundleFolder(home.bundle(bundle))
        try:
            manifest = folder.open(bundle)
            problems = folder.problems(manifest.blobs_for(device_class))
        except LinesideError as error:
            problems = [str(error)]
        words = problems[0] if problems else f"{name} {manifest.version}"
        yield Finding(f"recipe {number}", not problems, words, "roll the model out again" if problems else "")


def _threads(home: Home, bundle: str) -> Finding:
    found = read_tuning(home.root, bundle)
    if found is None:
        remedy = "one thread runs; it is measured when the model is installed again, or give 'runtime.threads' a number"
        return Finding("threads", True, "auto, but never measured for this model", remedy, warning=True)
    return Finding("threads", True, f"{found.threads} of {found.cores} cores measured best, with {found.runtime}")


def _pins(home: Home, config: StationConfig | None) -> Finding:
    path = home.root / (config.pins if config else "pins.json")
    good = path.exists()
    remedy = "" if good else f"edge-agent pin add NAME --home {home.root}"
    return Finding("operators", good, str(path) if good else "nobody may answer reviews yet", remedy)


def _camera(home: Home, config: StationConfig) -> Finding:
    """Look whether the camera gives a picture, set as the installed model's recipe says."""
    from edge_agent.capture.address import parse_address
    from edge_agent.capture.camera import Camera
    from edge_agent.capture.sources import make_source
    from edge_agent.clock import SYSTEM

    try:
        address = parse_address(config.source)
        camera = Camera(make_source(config.source), SYSTEM)
    except LinesideError as error:
        return Finding("camera", False, str(error), "mend 'source' in station.yaml")
    camera.want(_camera_settings(home))
    camera.start()
    frame = camera.grab(SYSTEM.monotonic() + _FIRST_FRAME_S)
    fault = camera.fault or camera.unset
    camera.close()
    if frame is None or frame.picture is None:
        remedy = "check cable, power and 'source' in station.yaml; docs/cameras.md"
        if address.scheme == "usb":
            remedy = machine.video(address.target, sorted(Path("/dev").glob("video*")), os.access) or remedy
        return Finding("camera", False, fault or "no frame came", remedy)
    height, width = frame.picture.shape[:2]
    return Finding("camera", True, f"{address.shown}: {width} x {height}")


def _camera_settings(home: Home) -> CameraSettings:
    """Return what the active model's recipe sets on the camera; nothing without one that can be read."""
    from edge_agent.capture.settings import NOTHING, wanted_by

    active = read_slots(home.root).active
    try:
        return wanted_by(BundleFolder(home.bundle(active)).open(active).recipe.camera) if active else NOTHING
    except LinesideError:
        return NOTHING


def _port(config: StationConfig) -> Finding:
    try:
        check_port(config.ui.host, config.ui.port)
    except LinesideError as error:
        return Finding("page", False, str(error), "give another port in station.yaml under 'ui'")
    return Finding("page", True, f"{config.ui.host}:{config.ui.port} is free")
