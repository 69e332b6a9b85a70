"""The processes of a station: a supervisor and its children hot, uplink and ui.

The supervisor holds nothing but pipes: it starts the children, carries their messages, starts again what died, and
notes in `run/station.json` who they are. When it dies, the children see the end of their input and leave.
"""

from __future__ import annotations

import fcntl
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID, uuid4

from edge_agent.backoff import doubling
from edge_agent.channel import Message
from edge_agent.contracts.errors import ConfigError, Unavailable
from edge_agent.contracts.program import python_program
from edge_agent.home import Home, replace_json
from edge_agent.journal.rescue import DAMAGED_EXIT, damage, rescue
from edge_agent.piped import Child
from edge_agent.service.notify import Watchdog, own_watchdog

HOT, UPLINK, UI = "hot", "uplink", "ui"
FIRST_DELAY_S, LONGEST_DELAY_S, STABLE_AFTER_S = 0.1, 5.0, 10.0
SILENCE_S = 10.0
"""A hot process that made progress once and then makes none for this long hangs, and is killed."""

START_SILENCE_S = 120.0
"""The same for one that has not begun yet: it may have a journal to settle and a model to load."""

_PROGRESS = frozenset({"health", "status"})
"""What the hot process sends from its loop and from nowhere else; its other threads may live on while that hangs."""

_END_S = 5.0

Say = Callable[[str, Message], None]


def restart_delay(attempt: int) -> float:
    """Return the seconds to wait before a dead child's n-th restart in a row (0 is the first)."""
    return doubling(FIRST_DELAY_S, LONGEST_DELAY_S, attempt)


class Supervisor:
    """Runs the children until it is told to stop. `say(child, status)` hears of each change of a child's status."""

    def __init__(
        self,
        home: Home,
        names: tuple[str, ...],
        options: tuple[str, ...] = (),
        say: Say | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.home = home
        self.boot: UUID = uuid4()
        self._say = say
        self._watchdog = watchdog
        self._events: queue.SimpleQueue[tuple[Child, Message | None] | None] = queue.SimpleQueue()
        self._stopping = False
        self._unnoted = False
        self.damaged = False
        common = ["--home", str(home.root), "--boot", str(self.boot), *options]
        self.children = {name: Child(name, python_program("edge_agent.processes", name, *common)) for name in names}

    def run(self) -> None:
        """Start all, serve until `stop`, end all. Raises Unavailable when the station already runs."""
        lock = lock_station(self.home)
        try:
            _rescue_journal(self.home)
            while not self._stopping:
                self._start_due()
                self._serve(self._wait_s())
                self._kill_silent()
                self._tell_system()
                if self._unnoted:
                    self._note()
        finally:
            if self._watchdog is not None and not self.damaged:
                self._watchdog.stopping()
            self._end()
            with suppress(OSError):
                self.home.station.unlink(missing_ok=True)
            os.close(lock)

    def stop(self) -> None:
        """Ask `run` to end; safe in a signal handler and from other threads."""
        self._stopping = True
        self._events.put(None)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self.children.values():
            if child.due is not None and child.due <= now:
                child.start(lambda *event: self._events.put(event))
                self._note()

    def _wait_s(self) -> float:
        dues = [child.due for child in self.children.values() if child.due is not None]
        return min(1.0, max(0.0, min(dues) - time.monotonic())) if dues else 1.0

    def _serve(self, wait_s: float) -> None:
        try:
            event = self._events.get(timeout=wait_s) if wait_s > 0 else self._events.get_nowait()
        except queue.Empty:
            return
        if event is None:
            return
        child, message = event
        if message is None:
            self._exited(child)
        else:
            if child.name != HOT or message.get("kind") in _PROGRESS:
                child.heard = time.monotonic()
            self._route(child, message)

    def _exited(self, child: Child) -> None:
        assert child.process is not None
        child.tell(None)
        if child.process.returncode == DAMAGED_EXIT:
            self.damaged = True
            self.stop()
        lived = time.monotonic() - child.started
        child.attempt = 0 if lived >= STABLE_AFTER_S else child.attempt + 1
        child.due = time.monotonic() + restart_delay(max(0, child.attempt - 1))
        child.status = {}
        self._note()
        if UPLINK in self.children and child.name != UPLINK:
            code = child.process.returncode
            self.children[UPLINK].tell({"to": UPLINK, "kind": "child_exited", "child": child.name, "code": code})

    def _route(self, sender: Child, message: Message) -> None:
        message["from"] = sender.name
        to = message.get("to")
        if to == "supervisor":
            self._obey(sender, message)
        elif isinstance(to, str) and to in self.children:
            self.children[to].tell(message)

    def _obey(self, sender: Child, message: Message) -> None:
        if message.get("kind") == "stop":
            self.stop()
        elif message.get("kind") == "status":
            sender.status = {k: v for k, v in message.items() if k not in ("to", "from", "kind")}
            self._note()
            if self._say is not None:
                self._say(sender.name, sender.status)

    def _note(self) -> None:
        """Note who runs and how it is; a disk that takes no note stops nobody from inspecting, it is tried again."""
        pids = {child.name: child.pid for child in self.children.values()}
        status = {child.name: child.status for child in self.children.values()}
        url = self.children[UI].status.get("url") if UI in self.children else None
        note = {"boot": str(self.boot), "pid": os.getpid(), "children": pids, "status": status, "ui": url}
        try:
            replace_json(self.home.station, note)
            self._unnoted = False
        except OSError as error:
            if not self._unnoted:
                sys.stderr.write(f"{self.home.station}: cannot be written ({error.strerror}); make room on the disk\n")
            self._unnoted = True

    def _kill_silent(self) -> None:
        hot = self.children[HOT]
        since, allowed = (hot.started, START_SILENCE_S) if hot.heard is None else (hot.heard, SILENCE_S)
        if hot.pid is not None and time.monotonic() - since > allowed:
            os.kill(hot.pid, signal.SIGKILL)

    def _tell_system(self) -> None:
        """Tell systemd, where it listens, that the station lives and how it is."""
        if self._watchdog is None:
            return
        hot = self.children[HOT]
        why = hot.status.get("why") or ("starting" if not hot.status else "")
        words = f"not ready: {why}" if why else f"ready, model {str(hot.status.get('bundle'))[:12]}"
        self._watchdog.look(time.monotonic(), hot.heard if hot.pid is not None else None, words)

    def _end(self) -> None:
        alive = [child.process for child in self.children.values() if child.pid is not None and child.process]
        for process in alive:
            process.terminate()
        limit = time.monotonic() + _END_S
        for process in alive:
            try:
                process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _rescue_journal(home: Home) -> None:
    problem = damage(home.journal)
    if problem:
        aside = rescue(home.journal, problem, int(time.time() * 1000))
        sys.stderr.write(f"the journal was damaged and lies in {aside}; a new one has what could be read\n")


def lock_station(home: Home) -> int:
    """Take the station's lock, which the kernel frees however this process ends.

    Raises Unavailable where the station runs already, ConfigError where its folder cannot be written.
    """
    try:
        home.run.mkdir(parents=True, exist_ok=True)
        handle = os.open(home.run / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ConfigError(f"{home.run}: cannot be written ({error.strerror}); run 'edge-agent doctor'") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Unavailable(f"{home.root}: this station is already running; stop it or give another --home") from error
    return handle


def supervise(home: Home, names: tuple[str, ...], options: tuple[str, ...] = (), say: Say | None = None) -> None:
    """Run a station in the foreground until SIGTERM or Ctrl-C. Raises Unavailable when it already runs.

    Where the journal is found damaged, all begin anew, as another boot, on what could be rescued of it.
    """
    damaged, watchdog = True, own_watchdog()
    while damaged:
        supervisor = Supervisor(home, names, options, say, watchdog)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, partial(_stop, supervisor))
        supervisor.run()
        damaged = supervisor.damaged


def _stop(supervisor: Supervisor, *_: object) -> None:
    supervisor.stop()


def main() -> None:
    """Be one of the children: `python -m edge_agent.processes hot|uplink|ui --home DIR --boot UUID`."""
    from edge_agent.child import run_child

    run_child(sys.argv[1:])


if __name__ == "__main__":
    main()
