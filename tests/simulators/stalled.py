"""A station's hot process on a disk that stalls: every sync waits for as long as a file `stalled` lies there.

`python -m tests.simulators.stalled HOME DURABILITY` inspects 20 parts a second for four seconds; when part STALLS_AT is
photographed, before its verdict is written, the disk stalls for STALLS_S. Start it with `slow_disk(folder)`
preloaded: then the stall is that of the system call.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

from edge_agent.agent import Hot, Surroundings
from edge_agent.capture.frame import Frame
from edge_agent.channel import LocalChannel
from edge_agent.config import OutputConfig, StationConfig, TriggerConfig
from edge_agent.home import Home
from tests.conftest import program
from tests.simulators.doomed import Parade

PERIOD_S, PARTS = 0.05, 80
STALLS_AT, STALLS_S = 10, 2.0
MARK = "stalled"

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void stall(void) {
  const char *mark = getenv("STALL_MARK");
  while (mark && access(mark, F_OK) == 0) usleep(5000);
}
int fsync(int file) {
  stall();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
int fdatasync(int file) {
  stall();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"""


def slow_disk(folder: Path) -> Path:
    """Return a library that, preloaded, makes syncs wait while the file that STALL_MARK names is there."""
    (folder / "stall.c").write_text(_SOURCE)
    made = folder / "libstall.so"
    command = [program("gcc", "cc"), "-shared", "-fPIC", "-o", str(made), str(folder / "stall.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return made


class StallingParade(Parade):
    """Parts without end; the disk stalls while the second picture of one of them is taken."""

    def __init__(self, mark: Path) -> None:
        super().__init__(deadly=False)
        self._mark = mark

    def read(self) -> Frame:
        """Return the next view."""
        frame = super().read()
        if (frame.serial, frame.view) == (f"p{STALLS_AT}", 1):
            self._mark.touch()
            threading.Timer(STALLS_S, self._mark.unlink).start()
        return frame


def main(home: Path, durability: str) -> None:
    """Inspect what is triggered, and the stall in the middle of it."""
    config = StationConfig(
        trigger=TriggerConfig(kind="http"), outputs=(OutputConfig(kind="gate"),), durability=durability
    )
    channel = LocalChannel()
    hot = Hot(Home(home), uuid4(), channel, config, Surroundings(source=StallingParade(home / MARK)))
    hot.start()
    began = time.monotonic()
    threading.Thread(target=_trigger, args=(channel, began), daemon=True).start()
    while time.monotonic() - began < PERIOD_S * PARTS + 1.5:
        hot.step(0.01)
    hot.close()


def _trigger(channel: LocalChannel, began: float) -> None:
    for part in range(PARTS):
        at = began + part * PERIOD_S
        time.sleep(max(0.0, at - time.monotonic()))
        channel.deliver({"kind": "trigger", "serial": f"t{part}", "at": time.monotonic()})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
