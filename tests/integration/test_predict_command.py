"""`trainer predict` is killed in the middle and run again."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
pytestmark = pytest.mark.slow


def test_a_killed_prediction_goes_on_and_gives_the_same(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = sorted((FIXTURES / "parts" / "images").iterdir())
    for number in range(60):
        shutil.copy(pictures[number % len(pictures)], folder / f"{number:03d}{pictures[0].suffix}")
    command = [str(Path(sys.executable).with_name("trainer")), "predict", "--bundle"]
    command += [str(FIXTURES / "bundles" / "tiny-v1"), "--data", str(folder), "--batch", "4", "--json", "--out"]
    whole = subprocess.run([*command, str(tmp_path / "whole.csv")], capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    child = subprocess.Popen([*command, str(tmp_path / "killed.csv")], stdout=subprocess.DEVNULL)
    work = tmp_path / ".killed.csv.work"
    wait_for(lambda: (work / "batch-000002.json").is_file(), 60, "the third batch")
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "killed.csv").exists()
    done = subprocess.run([*command, str(tmp_path / "killed.csv")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["resumed"] >= 3
    assert answer["pictures"] == 60
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    with (tmp_path / "killed.csv").open(newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == sorted(path.name for path in folder.iterdir())
    assert not work.exists()
