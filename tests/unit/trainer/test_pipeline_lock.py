import subprocess
import sys
import threading
import time

import pytest

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.lock import file_lock, holder, is_held

_HOLD = """
import sys, time
from pathlib import Path
from trainer.pipeline.lock import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(path, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_goes_with_the_process_that_held_it(tmp_path):
    path = tmp_path / "locks" / "a"
    assert not is_held(path)
    process = _holder(path, 60)
    assert is_held(path)
    assert holder(path) == str(process.pid)
    process.kill()
    process.communicate()
    assert not is_held(path)
    with file_lock(path):
        assert is_held(path)


def test_a_second_process_waits_for_the_first_and_is_told_whom(tmp_path):
    process = _holder(tmp_path / "a", 0.5)
    said = []
    started = time.monotonic()
    with file_lock(tmp_path / "a", waiting=said.append):
        waited = time.monotonic() - started
    process.communicate()
    assert said == [str(process.pid)]
    assert waited > 0.2


def test_who_is_stopped_waits_no_longer(tmp_path):
    with (
        file_lock(tmp_path / "a"),
        pytest.raises(Unavailable, match="interrupted"),
        file_lock(tmp_path / "a", stopped=lambda: True),
    ):
        pass


def test_a_lock_whose_file_goes_with_it_still_holds_one_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(30):
            with file_lock(tmp_path / "a", remove=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 120
    assert not (tmp_path / "a").exists()


def test_shared_locks_hold_off_an_exclusive_one_alone(tmp_path):
    with file_lock(tmp_path / "a", shared=True), file_lock(tmp_path / "a", shared=True):
        assert not is_held(tmp_path / "a")
        with pytest.raises(Unavailable), file_lock(tmp_path / "a", stopped=lambda: True):
            pass


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="name another root"), file_lock(tmp_path / "file" / "a"):
        pass
