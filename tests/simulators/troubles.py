"""Everything that may go wrong at a station at work, one method each, named by its fault case."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import httpx
import numpy as np

from edge_agent.contracts.plc import Command
from edge_agent.home import Home, read_json
from tests.conftest import wait_for
from tests.simulators.line import GOOD, SCRATCHED, picture
from tests.simulators.mosquitto import Mosquitto
from tests.simulators.network_camera import NetworkCamera
from tests.simulators.plc import Plc
from tests.simulators.shifted import TurnedClock

DOUBTFUL = "images/p900-005_1.jpg"
ON_THE_BELT = (GOOD, SCRATCHED, GOOD, DOUBTFUL)
PIN = "2468"
PEOPLE = ("Anna", "Ben")
BURST = 12
_BACK_S = 60
_DAY_S = 86_400.0


@dataclass
class Troubles:
    """A station and all that stands around it. `stall` is the file whose presence stalls the disk."""

    home: Home
    plc: Plc
    camera: NetworkCamera
    broker: Mosquitto
    clock: TurnedClock
    stall: Path
    answers: int = 0

    def killed(self, name: str) -> None:
        """A01 to A04, A23: SIGKILL of a process."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self._pids().get(name) not in (None, pid), _BACK_S, f"{name} to come back")

    def held(self, name: str, seconds: float = 2.0) -> None:
        """A18: a process that hangs."""
        pid = self._pid(name)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def disk_full(self) -> None:
        """A07, A08: no file of the inspection can grow for a while; then there is room, and it goes on by itself."""
        pid = self._pid("hot")
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, before[1]))
        time.sleep(1.5)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        wait_for(self.ready, _BACK_S, "the station to be ready again")

    def disk_stalled(self) -> None:
        """A09: every sync waits."""
        self.stall.touch()
        time.sleep(2.0)
        self.stall.unlink()

    def unplugged(self) -> None:
        """A10: the camera's cable."""
        self.camera.unplug()
        time.sleep(1.0)
        self.camera.plug_in()

    def absent(self) -> None:
        """A11: no camera when the inspection starts."""
        self.camera.unplug()
        self.killed("hot")
        time.sleep(0.5)
        self.camera.plug_in()
        wait_for(self.ready, _BACK_S, "the station to be ready again")

    def frozen(self) -> None:
        """A12: the same picture again and again."""
        self.camera.frozen = True
        time.sleep(1.0)
        self.camera.frozen = False

    def covered(self) -> None:
        """A13: a cap before the lens, then a lens out of focus."""
        good = picture(GOOD)
        self.camera.show(np.zeros_like(good))
        time.sleep(0.5)
        self.camera.show(np.asarray(cv2.GaussianBlur(good, (0, 0), 12), np.uint8))
        time.sleep(0.5)
        self.camera.show(*(picture(name) for name in ON_THE_BELT))

    def torn(self) -> None:
        """A14: half of each picture."""
        self.camera.torn = True
        time.sleep(1.0)
        self.camera.torn = False

    def bounced(self) -> None:
        """A15: the trigger bit flickers under one number."""
        for _ in range(20):
            with self.plc.lock:
                self.plc.program._command ^= Command.TRIGGER
            time.sleep(0.004)

    def burst(self) -> None:
        """A16: more parts at once than may wait."""
        with self.plc.lock:
            for _ in range(BURST):
                self.plc.program.trigger(time.monotonic())

    def plc_cut(self) -> None:
        """A19: the PLC's cable."""
        program, port = self.plc.program, self.plc.port
        self.plc.stop()
        time.sleep(1.0)
        self.plc = Plc(program, port=port).start()

    def two_operators(self) -> None:
        """A20, A21: for some seconds two people answer the same parts; before and after nobody does."""
        threads = [threading.Thread(target=self._answer, args=(name, 2.5)) for name in PEOPLE]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def broker_killed(self) -> None:
        """A22: no broker, and then one that has forgotten everything."""
        self.broker.kill()
        time.sleep(1.0)
        self.broker.start()

    def clock_jumps(self) -> None:
        """A25: a day back, ten years ahead, and back."""
        for wrong in (-_DAY_S, 3652 * _DAY_S, 0.0):
            self.clock.set_wrong(wrong)
            time.sleep(0.7)

    def ready(self) -> bool:
        """Whether the station judges parts."""
        return bool(read_json(self.home.station).get("status", {}).get("hot", {}).get("ready"))

    def _answer(self, name: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        with httpx.Client(base_url=read_json(self.home.station)["ui"], timeout=20.0, verify=False) as client:
            said = client.post("/api/login", json={"name": name, "pin": PIN})
            client.headers["X-CSRF-Token"] = said.json()["csrf"]
            while time.monotonic() < end:
                for part in client.get("/api/queue").json():
                    path = f"/api/parts/{part['part']}/answer"
                    self.answers += client.post(path, json={"verdict": "reject", "label": ""}).status_code == 200
                time.sleep(0.05)

    def _pids(self) -> dict[str, int]:
        return dict(read_json(self.home.station).get("children", {}))

    def _pid(self, name: str) -> int:
        wait_for(lambda: bool(self._pids().get(name)), _BACK_S, f"{name} to run")
        return self._pids()[name]
