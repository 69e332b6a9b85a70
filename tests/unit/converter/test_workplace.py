"""Where a conversion works: nothing of it stays, not even of one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from converter.workplace import workplace
from edge_agent.contracts.errors import Unavailable

KILLED = """
import os, sys
from pathlib import Path
from converter.workplace import workplace
with workplace(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_workplace_goes_at_the_end_also_after_an_error(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(Unavailable, match="out: cannot be written"), workplace(out) as folder:
        (folder / "half" / "way").touch()
    assert list(out.iterdir()) == []


def test_what_a_killed_conversion_left_goes_with_the_next_and_a_living_ones_stays(tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        left = Path(killed.stdout.readline().decode().strip())
        with workplace(tmp_path):
            assert (left / "half").exists()
        os.kill(killed.pid, signal.SIGKILL)
    assert (left / "half").exists()
    with workplace(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []
