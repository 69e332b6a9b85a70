"""The bundle of a model for tables, frozen: every later version must read this one (docs/formats/bundle.md)."""

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.contracts.bundle import BundleFolder, manifest_bytes, parse_manifest
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.golden import golden_input
from edge_agent.contracts.row import RowContract
from edge_agent.contracts.window import Baseline
from edge_agent.install.arrival import unsuitable
from edge_agent.install.selftest import run_selftest

GOLDEN = Path(__file__).parent / "golden/bundle-1-rows"
BUNDLE_ID = "9a05f86ea92ddbf72fca49fd923aede48a0a3dff2d4ea3297fe0bb885da212a7"
NUMBERS = (
    "spindle_current_a",
    "vibration_mm_s",
    "feed_force_n",
    "acoustic_emission_mv",
    "tool_wear_um",
    "coolant_temperature_c",
    "coolant_pressure_bar",
    "cycle_time_s",
)


@pytest.fixture
def bundle():
    return BundleFolder(GOLDEN)


def test_the_frozen_bundle_keeps_its_identity_and_is_whole(bundle):
    assert bundle.id == BUNDLE_ID
    assert bundle.problems() == []
    manifest = bundle.open(BUNDLE_ID)
    assert parse_manifest(manifest_bytes(manifest)) == manifest
    assert (manifest.name, manifest.recipe.task, manifest.input.shape) == ("turned-part", "tabular", (1, 10))


def test_the_contract_of_the_row_is_read(bundle):
    contract = bundle.open().input
    assert isinstance(contract, RowContract)
    assert tuple(column.name for column in contract.columns if column.kind == "number") == NUMBERS
    texts = {column.name: column.values for column in contract.columns if column.kind == "text"}
    assert texts == {"material": ("aluminium", "brass", "steel"), "machine": ("T1", "T2", "T3", "T4")}


def test_golden_cases_are_rows_and_the_baseline_names_the_columns(bundle):
    manifest = bundle.open()
    assert {case.label for case in manifest.golden.cases} == {"ok", "chatter", "burr", "burn"}
    for case in manifest.golden.cases:
        assert golden_input(bundle.read(case.picture), manifest).shape == (10,)
    baseline = Baseline.model_validate_json(bundle.read(manifest.documents["baseline"]))
    assert tuple(feature.name for feature in baseline.features) == (*NUMBERS, "score", "confidence")


def test_a_station_with_a_camera_refuses_it_before_it_downloads_anything(bundle):
    words = unsuitable(bundle.open(), "x86_64", {"ai-edge-litert": "2.3.0"})
    assert words == "the model is for tabular data, this station has a camera"


def test_the_self_test_computes_what_was_computed_and_notices_another_row(bundle, tmp_path):
    assert run_selftest(bundle, "x86_64").ok
    copy = BundleFolder(Path(shutil.copytree(GOLDEN, tmp_path / "copy")))
    content = json.loads(copy.manifest_bytes())
    cases = content["golden"]["cases"]
    cases[0]["picture"], cases[1]["picture"] = cases[1]["picture"], cases[0]["picture"]
    (copy.folder / "manifest.json").write_bytes(canonical_json(content))
    result = run_selftest(copy, "x86_64")
    assert not result.ok
    assert "golden test: 2 of 4" in result.reason


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"shape": [1, 9]}, "input"),
        ({"name": "table"}, "input"),
        ({"columns": []}, "columns"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_an_input_that_breaks_the_format_is_refused(bundle, change, where):
    content = json.loads(bundle.manifest_bytes())
    content["input"] |= change
    with pytest.raises(Rejected, match=where):
        parse_manifest(canonical_json(content))
