"""A real disk of few megabytes that fills up while a step writes, and damaged content."""

import os
import shutil
import subprocess
import sys

import pytest

from edge_agent.contracts.errors import Unavailable
from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.space import RESERVE, check_room, shortage

MEGABYTES = 12
SCRIPT = """
set -e
mount -t tmpfs -o size={size}m lineside "$1/root"
run() {{ "$2" -m tests.simulators.toy_command "$1" --large "$3" > "$1/out" 2>&1 && echo done || tail -1 "$1/out"; }}
run "$1" "$2" 40
ls -A "$1/root/staging" | wc -l
run "$1" "$2" 4
run "$1" "$2" 5
"$2" -c "from trainer.cli import main; main()" pipeline status --root "$1/root" | head -1
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    made = make_toy(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(made.home), os.environ.get("PYTHONPATH", "")]))
    return made


@pytest.mark.fault("T16")
def test_a_full_disk_is_one_line_removes_what_was_staged_and_the_store_stays_readable(toy):
    toy.root.mkdir()
    command = ["unshare", "-rm", "bash", "-c", SCRIPT.format(size=MEGABYTES), "sh", str(toy.folder), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) == 5, done.stdout
    full, left, small, again, status = done.stdout.strip().splitlines()
    assert full == "Large: the disk is full; free space and run again"
    assert left == "0"
    assert small == "done"
    assert again.startswith("Large: its last results took 4.2 MB, ")
    assert "MB are free in" in again
    assert "trainer pipeline gc" in again
    assert status.startswith("19700101-000001")


@pytest.mark.fault("T16")
def test_a_step_begins_only_where_its_last_results_would_fit(tmp_path):
    assert shortage("Trainer", 10, RESERVE + 10) == ""
    assert shortage("Trainer", 5_000_000, 3_000_000) == "Trainer: its last results took 5.0 MB, 3.0 MB are free"
    (tmp_path / "a").write_bytes(b"1" * 100)
    check_room("Trainer", [tmp_path], tmp_path)
    os.truncate(tmp_path / "a", shutil.disk_usage(tmp_path).free)
    with pytest.raises(Unavailable, match="Trainer: its last results took"):
        check_room("Trainer", [tmp_path], tmp_path)


@pytest.mark.fault("T18")
def test_damaged_content_is_mended_by_one_of_two_runs_at_once(toy):
    known, _ = toy.run()
    (known["Second.loud"].path / "text").write_text("tampered")
    command = [sys.executable, "-m", "tests.simulators.toy_command", str(toy.folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert (known["Second.loud"].path / "text").read_text() == "hello SOME DATA1"
    (toy.root / "cas").rename(toy.root / "elsewhere")
    again, record = toy.run()
    assert [step.status for step in record.steps] == ["done"] * 3
    assert again["Third.end"].digest == known["Third.end"].digest
