"""Threads by measurement: the rule, the child process, and who uses the result."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge_agent.config import RuntimeConfig, StationConfig
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home
from edge_agent.install.tuning import (
    FILE,
    Tuning,
    cores,
    fewest_worth,
    measure,
    read_tuning,
    remember,
    selftest_of,
    threads_for,
)
from edge_agent.setup import install_by_hand
from edge_agent.status import station_status
from tests.simulators.line import TINY, TINY_2, LineRig, install, nan_graph
from tests.simulators.line import altered_bundle as altered


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [({1: 10.0}, 1), ({1: 10.0, 2: 5.0}, 2), ({1: 5.2, 2: 5.0}, 1), ({1: 9.0, 2: 5.2, 3: 5.1, 4: 8.0}, 2)],
)
def test_threads_that_bring_nothing_are_left_to_the_line(measured: dict[int, float], chosen: int) -> None:
    assert fewest_worth(measured) == chosen


def test_a_measurement_of_real_pictures_in_a_child() -> None:
    found = measure(BundleFolder(TINY), "generic", 2)
    assert found is not None
    assert set(found.p50_ms) == {1, 2}
    assert found.threads == fewest_worth(found.p50_ms)
    assert found.runtime.startswith(("ai-edge-litert", "tflite-runtime"))


def test_what_passes_its_self_test_is_measured_and_remembered(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text(yaml.safe_dump({"runtime": {"threads": "auto"}}))
    bundle = install_by_hand(home, TINY, "generic")
    found = read_tuning(tmp_path, bundle)
    assert found is not None
    assert threads_for(tmp_path, bundle, "auto") == min(found.threads, cores())
    assert threads_for(tmp_path, bundle, 3) == 3
    shown = station_status(home)["runtime"]
    assert (shown["threads"], shown["asked"]) == (found.threads, "auto")
    assert shown["measured"]["runtime"] == found.runtime


def test_what_fails_its_self_test_is_not_measured(tmp_path: Path) -> None:
    bundle = altered(tmp_path / "bundle", model=nan_graph())
    assert not selftest_of(tmp_path, RuntimeConfig(threads="auto"))(BundleFolder(bundle), "generic").ok
    assert not (tmp_path / FILE).exists()


def test_bundles_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    measured = Tuning(threads=2, runtime="r", cores=2, p50_ms={1: 2.0, 2: 1.0})
    first, second = install(home, TINY, active=False), install(home, TINY_2, active=False)
    remember(tmp_path, first, measured)
    install(home, TINY_2)
    remember(tmp_path, second, measured)
    assert read_tuning(tmp_path, first) is None
    assert read_tuning(tmp_path, second) == measured


def test_without_a_measurement_one_thread_runs(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("torn {")
    assert threads_for(tmp_path, "0" * 64, "auto") == 1


def test_the_line_runs_with_what_was_measured(tmp_path: Path) -> None:
    config = StationConfig(runtime=RuntimeConfig(threads="auto"))
    bundle = install(Home(tmp_path), TINY)
    remember(tmp_path, bundle, Tuning(threads=2, runtime="r", cores=2, p50_ms={2: 1.0}))
    with LineRig(tmp_path, altered(tmp_path / "other"), config) as rig:
        assert rig.hot.health()["threads"] == 1, "another bundle was not measured"
    install(rig.home, TINY)
    with LineRig(tmp_path, None, config) as rig:
        assert rig.hot.health()["threads"] == min(2, cores())


def test_auto_is_the_only_word(tmp_path: Path) -> None:
    from edge_agent.config import load_config

    path = tmp_path / "station.yaml"
    path.write_text("runtime: {threads: many}\n")
    with pytest.raises(ConfigError, match=r"runtime\.threads"):
        load_config(path)
