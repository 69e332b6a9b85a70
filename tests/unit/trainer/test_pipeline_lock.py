import subprocess
import sys
import time

import pytest

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.lock import root_lock

_HOLD = """
import sys, time
from pathlib import Path
from trainer.pipeline.lock import root_lock
with root_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(root, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(root), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_root_in_use_names_the_process_that_uses_it(tmp_path):
    process = _holder(tmp_path, 60)
    with pytest.raises(Unavailable, match=f"process {process.pid} is running"), root_lock(tmp_path):
        pass
    process.kill()
    process.communicate()
    with root_lock(tmp_path):
        assert (tmp_path / "lock").read_text().strip().isdigit()


def test_a_second_run_waits_for_the_first(tmp_path):
    process = _holder(tmp_path, 0.5)
    said = []
    started = time.monotonic()
    with root_lock(tmp_path, said.append):
        waited = time.monotonic() - started
    process.communicate()
    assert said == [str(process.pid)]
    assert waited > 0.2
