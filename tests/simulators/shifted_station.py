"""A whole station on turned clocks: triggered and answered by HTTP, killed, and looked at through its journal."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import yaml

from edge_agent.home import Home, read_json
from edge_agent.station.pinbook import PinBook, Role
from tests.conftest import wait_for
from tests.simulators.line import environment
from tests.simulators.shifted import TurnedClock

PIN = "2468"
PEOPLE = ("Anna", "Ben")
SLOW_S = 60
CAP = 60_000
"""Bytes a second to the fleet."""


class ShiftedStation:
    """One station; `made` are the serials whose verdict was told, `asked` all that were triggered."""

    def __init__(self, folder: Path, back_s: float, quota_mb: float) -> None:
        self.home = Home(folder / "station")
        self.home.root.mkdir()
        self.clock = TurnedClock(folder / "clock", back_s)
        self.made: list[str] = []
        self.asked: list[str] = []
        self.wrong: set[str] = set()
        self.answers = 0
        self._quota_mb = quota_mb
        self._log = (folder / "station.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self._lives = 0
        book = PinBook(self.home.root / "pins.json")
        for name in PEOPLE:
            book.add(name, PIN, Role.OPERATOR)

    def start(self) -> None:
        """Start it as a person does, with other parts than before."""
        self._settle()
        call = [sys.executable, "-m", "tests.simulators.shifted", str(self.clock.path), "edge_agent.cli"]
        call += ["run", "--home", str(self.home.root)]
        self._process = subprocess.Popen(call, stdout=self._log, stderr=self._log, env=environment())
        wait_for(self.up, SLOW_S, "the station's start")

    def up(self) -> bool:
        """Whether its processes run and its page is served."""
        note = read_json(self.home.station)
        mine = self._process is not None and note.get("pid") == self._process.pid
        return mine and bool(note.get("ui")) and bool(note.get("status", {}).get("hot"))

    def ready(self) -> bool:
        """Whether it judges parts."""
        return self.up() and bool(read_json(self.home.station)["status"]["hot"].get("ready"))

    def kill(self, name: str) -> None:
        """SIGKILL one of its processes, or with `station` the supervisor; return when it judges again."""
        self._settle()
        if name == "station":
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            self.start()
        else:
            pid = read_json(self.home.station)["children"][name]
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: self._child(name) not in (None, pid), SLOW_S, f"{name} to come back")
        wait_for(self.ready, SLOW_S, "the station to be ready again")

    def close(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(SLOW_S)
        self._log.close()

    def inspect(self, parts: int) -> None:
        """Let parts come one after the other, and wait for the verdict of each."""
        with self._client() as client:
            for _ in range(parts):
                serial = self._next_serial()
                answer = client.post("/api/trigger", json={"serial": serial})
                assert answer.status_code == 200, answer.text
                self.made.append(serial)

    def kill_during_a_part(self, after_s: float) -> None:
        """Trigger a part and kill the inspection so much later."""
        with self._client() as client:
            body = {"serial": self._next_serial()}
            asking = threading.Thread(target=client.post, args=("/api/trigger",), kwargs={"json": body})
            asking.start()
            time.sleep(after_s)
            self.kill("hot")
            asking.join()

    def answer(self, names: tuple[str, ...] = PEOPLE[:1], most: int = 3) -> None:
        """Let people answer parts that wait; where several do, the second is a conflict."""
        waiting: list[int] = []
        for name in names:
            with self._client() as client:
                del client.headers["Authorization"]
                said = client.post("/api/login", json={"name": name, "pin": PIN})
                assert said.status_code == 200, said.text
                client.headers["X-CSRF-Token"] = said.json()["csrf"]
                waiting = waiting or self._waiting(most)
                for part in waiting:
                    verdict = "accept" if part % 2 else "reject"
                    told = client.post(f"/api/parts/{part}/answer", json={"verdict": verdict, "label": ""})
                    assert told.status_code == 200, told.text
                    self.answers += 1

    def rows(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the journal."""
        with closing(sqlite3.connect(self.home.journal, timeout=30)) as database:
            return database.execute(question, values).fetchall()

    def one(self, question: str, *values: Any) -> int:
        """Ask the journal for one number."""
        return int(self.rows(question, *values)[0][0] or 0)

    def _waiting(self, most: int) -> list[int]:
        rows = self.rows("SELECT part FROM review WHERE state = 'open' ORDER BY deadline_mono DESC LIMIT ?", most)
        return [row[0] for row in rows]

    def _next_serial(self) -> str:
        serial = f"S-{len(self.asked) + 1:06d}"
        self.asked.append(serial)
        if abs(self.clock.wrong) > 60:
            self.wrong.add(serial)
        return serial

    def _client(self) -> httpx.Client:
        token = (self.home.root / "api.token").read_text().strip()
        url = read_json(self.home.station)["ui"]
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0, verify=False)

    def _child(self, name: str) -> int | None:
        return read_json(self.home.station).get("children", {}).get(name)

    def _settle(self) -> None:
        """Write the settings; each life draws other parts."""
        self._lives += 1
        settings = {
            "source": f"synthetic:?seed={self._lives}&fps=0&size=64&views=1",
            "trigger": {"kind": "http"},
            "outputs": [{"kind": "gate"}],
            "ui": {"port": 0, "undo_s": 0},
            "storage": {"quota_mb": self._quota_mb, "reserve_mb": 1, "accept_share": 1.0},
            "uplink": {"bytes_per_second": CAP, "window_seconds": 3600},
        }
        self.home.config.write_text(yaml.safe_dump(settings))
