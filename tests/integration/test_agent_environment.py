"""What a device gets: an environment of `lineside[agent]` alone, in which a bundle runs and nothing heavy lies."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
FIXTURES = TOP / "tests" / "fixtures"
HEAVY = {"tensorflow", "keras", "torch", "apache-beam", "pandas", "pyarrow", "sqlalchemy", "scipy", "matplotlib"}
MEGABYTES = 400


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the locked packages of the agent and this checkout."""
    folder = tmp_path_factory.mktemp("device") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    lock = TOP / "scripts" / "requirements" / "agent.txt"
    install = [uv, "pip", "install", "-q", "-p", str(folder)]
    subprocess.run([*install, "--require-hashes", "-r", str(lock)], check=True)
    subprocess.run([*install, "--no-deps", str(TOP)], check=True, cwd=folder)
    return folder


@pytest.mark.slow
def test_the_agent_alone_is_small_and_judges_parts(agent: Path, tmp_path: Path):
    listing = [str(agent / "bin" / "python"), "-c", _LISTING]
    packages = json.loads(subprocess.run(listing, check=True, capture_output=True, text=True).stdout)
    assert not HEAVY & set(packages)
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


_LISTING = """
import importlib.metadata, json
print(json.dumps(sorted(d.metadata["Name"].lower() for d in importlib.metadata.distributions())))
"""
