"""What a device gets: an environment of one extra alone, in which a bundle runs and nothing heavy lies."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.contracts.errors import ConfigError
from tests.simulators.environments import TOP, locked_environment
from trainer.components.infra_validator import infra_validator
from trainer.pipeline.step import Context

FIXTURES = TOP / "tests" / "fixtures"
HEAVY = {"tensorflow", "keras", "torch", "apache-beam", "pandas", "pyarrow", "sqlalchemy", "scipy", "matplotlib"}
MEGABYTES = 400
RUNTIME = {"agent": "ai-edge-litert", "agent-tflite": "tflite-runtime"}
"""Which runtime each extra brings."""
SAME = 1e-5
"""Largest difference of a score between the two."""


@pytest.fixture(scope="module", params=sorted(RUNTIME))
def agent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the locked packages of an extra and this checkout."""
    folder = tmp_path_factory.mktemp("device") / request.param
    install = locked_environment(folder, request.param)
    subprocess.run([*install, "--no-deps", str(TOP)], check=True, cwd=folder)
    return folder


@pytest.mark.slow
def test_the_agent_alone_is_small_and_judges_parts(agent: Path, tmp_path: Path):
    listing = [str(agent / "bin" / "python"), "-c", _LISTING]
    packages = json.loads(subprocess.run(listing, check=True, capture_output=True, text=True).stdout)
    assert not HEAVY & set(packages)
    assert set(RUNTIME.values()) & set(packages) == {RUNTIME[agent.name]}
    size = sum(file.lstat().st_size for file in agent.rglob("*") if file.is_file()) / 1e6
    assert size < MEGABYTES
    results = tmp_path / "results.csv"
    command = [str(agent / "bin" / "edge-agent"), "replay", "--bundle", str(FIXTURES / "bundles" / "tiny-v1")]
    command += ["--source", str(FIXTURES / "parts"), "--out", str(results), "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
    answer = json.loads(done.stdout.splitlines()[-1])
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert answer["images"] == len(rows) > 0
    assert list(rows[0]) == ["image", "verdict", "label", "score", "peak_x", "peak_y", "latency_ms"]
    here = tmp_path / "here.csv"
    given = ["--bundle", FIXTURES / "bundles" / "tiny-v1", "--source", FIXTURES / "parts", "--out", here]
    assert CliRunner().invoke(main, ["replay", *map(str, given)]).exit_code == 0
    with here.open(newline="") as file:
        for mine, other in zip(csv.DictReader(file), rows, strict=True):
            assert mine["verdict"] == other["verdict"]
            assert float(mine["score"]) == pytest.approx(float(other["score"]), abs=SAME)


@pytest.mark.slow
def test_a_station_runs_on_it_and_the_doctor_names_the_runtime(agent: Path, tmp_path: Path):
    program, home = str(agent / "bin" / "edge-agent"), str(tmp_path / "home")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "station.yaml").write_text(f"ui: {{port: 0}}\nsource: folder://{FIXTURES / 'parts'}\n")
    run = [
        program,
        "run",
        "--home",
        home,
        "--bundle",
        str(FIXTURES / "bundles" / "tiny-v1"),
        "--seconds",
        "8",
        "--json",
    ]
    done = subprocess.run(run, check=True, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["runtime"]["measured"]["runtime"].startswith(RUNTIME[agent.name])
    assert last["counts"]["final.accept"] + last["counts"]["final.reject"] == last["counts"]["parts"] > 0
    asked = [program, "doctor", "--home", home, "--json"]
    seen = subprocess.run(asked, check=False, capture_output=True, text=True, cwd=tmp_path)
    findings = {finding["check"]: finding for finding in json.loads(seen.stdout.splitlines()[-1])["findings"]}
    assert findings["runtime"]["found"].startswith(RUNTIME[agent.name])
    assert findings["self-test"]["ok"]


@pytest.mark.slow
def test_the_infra_validator_asks_this_runtime_too(agent: Path, tmp_path: Path):
    for name in ("blessing", "examples"):
        (tmp_path / name).mkdir()
    paths = {"model": tmp_path, "examples": tmp_path / "examples", "blessing": tmp_path / "blessing"}
    limits = {"p50_ms": 5000.0, "p95_ms": 0.0, "memory_mb": 0.0, "flipped_max": 0.05, "threads": 1}
    context = Context(tmp_path, lambda text, done: None)

    def asked(name: str) -> dict[str, object]:
        python = {name: str(agent / "bin" / "python")}
        bundle = FIXTURES / "bundles" / "tiny-v1"
        made = infra_validator(bundle, **paths, **limits, runtimes=[name], pythons=python, context=context)
        return dict(made["blessing"])

    assert asked(RUNTIME[agent.name])["blessed"] == 1
    tried = json.loads((tmp_path / "blessing" / "report.json").read_text())["runtimes"]
    assert tried[1]["runtime"].startswith(RUNTIME[agent.name])
    (other,) = set(RUNTIME.values()) - {RUNTIME[agent.name]}
    with pytest.raises(ConfigError, match=f"has {RUNTIME[agent.name]}"):
        asked(other)


_LISTING = """
import importlib.metadata, json
print(json.dumps(sorted(d.metadata["Name"].lower() for d in importlib.metadata.distributions())))
"""
