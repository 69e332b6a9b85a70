"""Several stations in one process, each with its own camera: one that breaks concerns no other."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge_agent.capture.sources import make_source
from edge_agent.config import StationConfig, TriggerConfig
from edge_agent.home import Home
from edge_agent.inference.champion import load_model
from edge_agent.install.selftest import run_selftest
from edge_agent.light_stations import Once, Station
from tests.conftest import wait_for
from tests.simulators.line import GOOD, SCRATCHED, LineRig, altered_bundle, install, picture
from tests.simulators.mosquitto import free_port
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.registry import RegistrySimulator
from tests.simulators.uplinked import enrol

PARTS_EACH = 12


@pytest.mark.fault("A10")
def test_a_light_station_whose_camera_breaks_stops_no_other(tmp_path: Path, registry: RegistrySimulator) -> None:
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__deadline_ms=1000)
    camera = NetworkCamera(free_port(), [picture(GOOD), picture(SCRATCHED)])
    camera.plug_in()
    models, selftest = Once(lambda folder, kind: load_model(folder, kind, 1, folder.folder.name)), Once(run_selftest)
    stations = []
    for name, source in (("broken", camera.url), ("whole", "synthetic:?seed=1&fps=0&size=64")):
        enrol(tmp_path / name, f"mqtt://127.0.0.1:{free_port()}", registry, name)
        (tmp_path / name / "station.yaml").write_text("{}")
        install(Home(tmp_path / name), bundle)
        stations.append(Station(tmp_path / name, source, models, selftest, ()))
    broken, whole = (station.hot for station in stations)

    def counted(hot: object, reason: str = "parts") -> int:
        return int(hot.journal.tallies().get(reason, 0))  # type: ignore[attr-defined]

    def serve_until(enough: int) -> float:
        started = time.monotonic()
        while counted(whole) < enough:
            for station in stations:
                station.step(time.monotonic(), 0.05)
            assert time.monotonic() - started < 20, "the whole station stands still"
        return time.monotonic() - started

    for hot in (broken, whole):
        hot.start()
    wait_for(lambda: broken.interlock.ready and whole.interlock.ready, 20, "both are ready")
    serve_until(PARTS_EACH)
    judged = counted(broken, "reason.model")
    assert judged > 0
    camera.unplug()
    wait_for(lambda: bool(broken.camera.fault), 5, "the loss")
    assert serve_until(2 * PARTS_EACH) < 5
    assert counted(whole, "reason.model") == counted(whole), "every part of the other was judged"
    assert not broken.interlock.ready
    camera.plug_in()
    wait_for(lambda: broken.interlock.ready, 20, "the return")
    serve_until(3 * PARTS_EACH)
    assert counted(broken, "reason.model") > judged
    for station in stations:
        station.close()
    camera.unplug()


@pytest.mark.fault("A10")
def test_two_whole_stations_in_one_process_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    bundle = altered_bundle(tmp_path / "bundle", recipe__views__count=1, recipe__deadline_ms=1000)
    camera = NetworkCamera(free_port(), [picture(GOOD)])
    config = StationConfig(trigger=TriggerConfig(kind="http"))
    with (
        LineRig(tmp_path / "a", bundle, config, make_source(camera.url)) as broken,
        LineRig(tmp_path / "b", bundle, config, make_source("synthetic:?seed=2&fps=0&size=64")) as whole,
    ):

        def ask(rig: LineRig) -> None:
            for count in range(1, 4):
                rig.channel.deliver({"kind": "trigger", "serial": "", "request": "r"})
                rig.step(until=count)

        waiting = threading.Thread(target=ask, args=(broken,))
        waiting.start()
        ask(whole)
        assert {part.reason for part in whole.parts()} == {"model"}
        assert max(part.latency_ms or 0.0 for part in whole.parts()) < 500
        waiting.join(20)
        assert {(part.reason, part.detail) for part in broken.parts()} == {("no-image", "absent")}
