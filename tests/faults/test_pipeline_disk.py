"""A real disk of few megabytes that fills up while a step writes, and damaged content."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.contracts.errors import Unavailable
from tests.simulators.sensor_table import write_table
from tests.simulators.toy_pipeline import make_toy
from trainer.pipeline.space import RESERVE, check_room, shortage
from trainer.samples.generate import generate_samples

MEGABYTES = 12
SCRIPT = """
set -e
toy=$1 python=$2 store=$toy/root
mount -t tmpfs -o size={size}m lineside "$store"
run() {{
    "$python" -m tests.simulators.toy_command "$toy" --large "$1" > "$toy/out" 2>&1 && echo done || tail -1 "$toy/out"
}}
run 40
ls -A "$store/staging" | wc -l
run 4
run 5
"$python" -c "from trainer.cli import main; main()" pipeline status --root "$store" | head -1
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
    assert shortage("Trainer", "it took", 10, RESERVE + 10) == ""
    assert shortage("Trainer", "it took", 5_000_000, 3_000_000) == "Trainer: it took 5.0 MB, 3.0 MB are free"
    (tmp_path / "a").write_bytes(b"1" * 100)
    check_room("Trainer", [tmp_path], tmp_path)
    os.truncate(tmp_path / "a", shutil.disk_usage(tmp_path).free)
    with pytest.raises(Unavailable, match="Trainer: its last results took"):
        check_room("Trainer", [tmp_path], tmp_path)


FIRST = """
mount -t tmpfs -o size={size}m lineside "$1/root"
shift
"$@"
echo "exit $?"
"""


@pytest.mark.fault("T16")
@pytest.mark.parametrize("kind", ["pictures", "tables"])
def test_the_first_run_does_not_begin_where_its_examples_would_not_fit(tmp_path, kind):
    (tmp_path / "root").mkdir()
    run = [str(Path(sys.executable).with_name("trainer")), "pipeline", "run", "--root", str(tmp_path / "root")]
    if kind == "pictures":
        generate_samples(tmp_path / "data", 2, 1)
        run += ["--recipe", "machined-surface", "--set", "network.height=1000", "--set", "network.width=1000"]
    else:
        (tmp_path / "data").mkdir()
        write_table(tmp_path / "data" / "readings.csv", 300)
        with (tmp_path / "data" / "readings.csv").open("a") as file:
            file.write("x" * MEGABYTES * 1_000_000)
        run += ["--recipe", "turned-part"]
    command = ["unshare", "-rm", "bash", "-c", FIRST.format(size=MEGABYTES), "sh", str(tmp_path), *run]
    done = subprocess.run([*command, "--data", str(tmp_path / "data")], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "exit 4"
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("trainer: ")]
    assert "ExampleGen: its results will take about 12." in line
    assert "MB are free in" in line


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
