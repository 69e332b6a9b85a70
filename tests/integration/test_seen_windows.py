"""What stations have counted, from the fleet's database over its HTTP API into the trainer's validation."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.quality import QUALITY_FEATURES, image_quality
from edge_agent.contracts.seen import decode_seen
from edge_agent.contracts.window import Baseline, Feature
from fleet.cli import main as fleet
from fleet.store.tables import Device
from tests.simulators.data_steps import encoded, make_folder, picture, run_data_steps, told
from tests.simulators.fleet_server import fleet_server
from tests.simulators.production import HOUR_MS, PARTS, Production

pytestmark = pytest.mark.slow
DAY_MS = 24 * HOUR_MS
PICTURES = 80


def _baseline():
    """The quality of the training pictures, as a converter would freeze it, and a feature that no picture has."""
    values = np.asarray([image_quality(picture(number)[:, :, None]) for number in range(PICTURES)])
    features = [_feature(name, column) for name, column in zip(QUALITY_FEATURES, values.T, strict=True)]
    return Baseline(features=(*features, _feature("score", np.linspace(0, 1, PICTURES))), labels=("ok", "pit"))


def _feature(name, values):
    mean, deviation = float(values.mean()), max(float(values.std()), 1e-3)
    edges = tuple(mean + deviation * step / 2 for step in range(-4, 5))
    counts = tuple(np.histogram(values, [-np.inf, *edges, np.inf])[0].tolist())
    step = deviation / 100
    return Feature(name=name, edges=edges, origin=mean, step=step, counts=counts, mean=mean, deviation=deviation)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A fleet of two sites: at `here` production is as in training, at `there` a lamp has become weaker on day 2."""
    folder = tmp_path_factory.mktemp("fleet")
    with fleet_server(folder) as running:
        database = running.service.context.database
        production = Production(database, running.service.context.home.registry, _baseline())
        production.publish("v1", 1)
        with database.begin() as session:
            for device, site in (("a", "here"), ("b", "there")):
                session.add(
                    Device(id=device, site=site, line="l1", device_class="generic", credential="-", enrolled_ms=0)
                )
        for hour in range(6):
            production.send("a", DAY_MS + hour * HOUR_MS)
            production.send("b", DAY_MS + hour * HOUR_MS)
            production.send("b", 2 * DAY_MS + hour * HOUR_MS, factor=0.7)
        yield running


def _windows(server, *options):
    home = str(server.service.settings.home.folder)
    done = CliRunner().invoke(fleet, ["windows", "tiles", "--home", home, *options, "--json"])
    return json.loads(done.output.splitlines()[-1]) if done.exit_code == 0 else done.output


def test_windows_are_merged_by_site_device_and_time(server, tmp_path):
    file = tmp_path / "seen.json"
    found = _windows(server, "--out", str(file))
    assert (found["windows"], found["parts"], found["devices"]) == (18, 18 * PARTS, ["a", "b"])
    seen = decode_seen(file.read_bytes(), "seen")
    assert seen.baseline == _baseline()
    assert all(feature.n == 18 * PARTS for feature in seen.features.values())
    assert _windows(server, "--site", "here", "--out", str(file))["windows"] == 6
    assert _windows(server, "--device", "b", "--until", "1970-01-03", "--out", str(file))["windows"] == 6
    late = _windows(server, "--since", "1970-01-03", "--out", str(file))
    assert (late["windows"], late["devices"]) == (6, ["b"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--since", "2026-01-01"), "no windows of tiles v1 with these conditions"),
        (("--version", "v9"), "no model 'tiles v9' in the registry; it has tiles v1"),
    ],
)
def test_what_is_not_there_is_told(server, tmp_path, options, words):
    assert words in _windows(server, *options, "--out", str(tmp_path / "seen.json"))
    assert not (tmp_path / "seen.json").exists()


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A folder of the pictures that the baseline describes."""
    base = tmp_path_factory.mktemp("training")
    make_folder(base / "data", PICTURES // 2)
    return base


def _validated(training, file):
    settings = (f"example_validator.serving={file}", "example_validator.skew_numeric=0.2")
    return told(run_data_steps([training / "data"], training / "root", *settings))


def test_skew_is_found_from_what_stations_have_counted(server, training, tmp_path):
    _windows(server, "--until", "1970-01-03", "--out", str(tmp_path / "usual.json"))
    usual = _validated(training, tmp_path / "usual.json")
    assert [line for line in usual["blocking"] if line.startswith("stations: brightness")] == []
    measured = {one["feature"]: one["value"] for one in usual["distances"] if one["against"] == "skew"}
    assert set(measured) == set(QUALITY_FEATURES)
    assert measured["brightness"] < 0.1
    _windows(server, "--since", "1970-01-03", "--out", str(tmp_path / "dark.json"))
    dark = _validated(training, tmp_path / "dark.json")
    (line,) = [line for line in dark["blocking"] if line.startswith("stations: brightness")]
    assert "Jensen-Shannon divergence between training and serving" in line
    assert "--feature brightness --skew " in line


def test_what_is_no_file_of_windows_is_one_line(training, tmp_path):
    (tmp_path / "seen.json").write_bytes(encoded(picture(1)))
    with pytest.raises(Rejected, match=r"no windows of a fleet .*make it by 'fleet windows'"):
        _validated(training, tmp_path / "seen.json")
