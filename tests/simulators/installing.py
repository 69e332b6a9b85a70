"""One device's installer, real down to its files and journal, with the hot process played by a few lines.

`python -m tests.simulators.installing HOME URL ROOT DESIRED KILL` runs it in a process of its own that kills itself
(SIGKILL) at a point: a state's name (right after the move to it was journalled), `rename:N` (just before the N-th
rename below HOME, counted from 0) or `rename@NAME:N` (before the N-th rename to a path that ends so).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from edge_agent.clock import SYSTEM, Clock
from edge_agent.contracts.messages import Desired, ModelRef, Probation, decode
from edge_agent.contracts.states import SETTLED, UpdateState
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.home import Home
from edge_agent.install.activation import Activation
from edge_agent.install.arrival import Arrival, SelfTest
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.install.download import Download
from edge_agent.install.proofs import Proofs
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.registry import Registry
from edge_agent.install.selftest import SelfTestResult
from edge_agent.install.slots import read_slots
from edge_agent.install.trust import Trust
from edge_agent.install.updater import Updater
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from tests.simulators.registry import PASSWORD, USER

NO_PROBATION = Probation(seconds=0, parts=0)


def passes(bundle: Any, device_class: str) -> SelfTestResult:
    """A self-test for bundles whose graph is made up."""
    return SelfTestResult(True, runtime="made-up 1")


@dataclass
class PlayedHot:
    """Answers as the hot process does: `refuse` maps bundles to reasons, `silent` says nothing."""

    home: Home
    running: str | None = None
    refuse: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    beside: str | None = None
    share: float = 0.0
    warm: list[str] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    updater: Updater | None = None

    def __call__(self, message: dict[str, Any]) -> None:
        kind, bundle = message["kind"], message["bundle"]
        if kind == "challenger":
            self._challenge(bundle)
            self.share = message.get("share", 0.0)
            return
        if kind == "warm":
            self.warm.append(bundle)
            return
        self.asked.append((kind, bundle))
        if self.silent or self.updater is None:
            return
        if bundle in self.refuse:
            self.updater.hear({"kind": "activate_failed", "bundle": bundle, "reason": self.refuse[bundle]})
            return
        self.running = bundle
        self.updater.hear({"kind": "activated", "bundle": bundle})

    def _challenge(self, bundle: str | None) -> None:
        if bundle in self.refuse and self.updater is not None:
            self.updater.hear({"kind": "challenger_failed", "bundle": bundle, "reason": self.refuse[bundle]})
        else:
            self.beside = bundle

    def die(self) -> None:
        """Be killed and started again by the supervisor: what the pointer names runs."""
        assert self.updater is not None
        self.running = read_slots(self.home.root).active
        self.updater.hear({"to": "uplink", "kind": "child_exited", "child": "hot", "code": -9})


class Installer:
    """Builds the updater of one device below `root`; building it again is what a restart does."""

    def __init__(
        self,
        root: Path,
        url: str,
        trusted_root: dict[str, Any],
        *,
        clock: Clock = SYSTEM,
        boot: UUID | None = None,
        selftest: SelfTest = passes,
        free: int = 1 << 40,
        siblings: tuple[Path, ...] = (),
        issued_ms: int | None = None,
        device_class: str = "generic",
        software: str = "made-up 1",
        recipes: frozenset[str] = frozenset(),
    ) -> None:
        self.home = Home(root)
        root.mkdir(parents=True, exist_ok=True)
        self.boot = boot or uuid4()
        self.database = Database(self.home.journal)
        self.journal = InstallJournal(self.database, self.boot, clock)
        self.guard = ClockGuard(self.database, clock, clock.wall_ms() if issued_ms is None else issued_ms)
        registry = Registry(url, USER, PASSWORD, timeout_s=2.0)
        self.download = Download(
            self.home, registry, siblings, 0, lambda folder: free, lambda: self.updater.interrupted()
        )
        self.trust = Trust(self.home.trust, registry, trusted_root)
        self.hot = PlayedHot(self.home, read_slots(self.home.root).active)
        self.activation = Activation(self.home, self.journal, clock, self.hot, recipes=recipes)
        proofs = Proofs(self.database, software, lambda bundle: self.home.bundle(bundle).is_dir())
        self.arrival = Arrival(
            self.journal, self.trust, self.download, self.guard, device_class, selftest, proofs, recipes
        )
        self.states: list[UpdateState] = []
        self.updater = Updater(
            self.journal, self.arrival, self.activation, clock, lambda: self.guard.suspect, self._moved
        )
        self.hot.updater = self.updater
        self.parts = Journal(self.database, self.boot)

    def _moved(self, record: Record) -> None:
        if not self.states or self.states[-1] is not record.state:
            self.states.append(record.state)

    def offer(self, model: ModelRef | None, generation: int = 1, **more: Any) -> Desired:
        """Desire a release; without probation unless one is given."""
        more.setdefault("probation", NO_PROBATION)
        desired = Desired(generation=generation, at_ms=0, model=model, **more)
        self.updater.offer(desired)
        return desired

    def work(self, until: UpdateState | None = None, timeout: float = 20.0) -> Record:
        """Step until the update is settled, or in the given state."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            wait = self.updater.step()
            record = self.updater.record
            if record.state is until or (until is None and wait is not None and record.state in SETTLED):
                return record
            if wait is not None:
                time.sleep(min(wait.seconds, 0.02))
        raise TimeoutError(f"still {self.updater.record.state.value} ({self.updater.record.reason})")

    def judge(self, bundle: str, parts: int = 1, reason: Reason = Reason.MODEL) -> None:
        """Let the hot process judge parts with a bundle."""
        for _ in range(parts):
            key = self.parts.trigger("", 0)
            self.parts.decide(key, Decision(Verdict.REJECT, reason, bundle=bundle), 0)

    def close(self) -> None:
        """Let go of the journal."""
        self.database.close()


def main(arguments: list[str]) -> None:
    """Install in this process until it is settled or kills itself."""
    home, url, root, desired, kill = arguments
    installer = Installer(Path(home), url, json.loads(Path(root).read_text()))
    wish = decode(Desired, desired.encode())
    _arm(kill, home, installer)
    installer.updater.resume()
    installer.updater.offer(wish)
    installer.work()


def _arm(kill: str, home: str, installer: Installer) -> None:
    if kill in UpdateState.__members__:
        moved = installer._moved

        def observe(record: Record) -> None:
            moved(record)
            if record.state.value == kill:
                _die()

        installer.updater._observer = observe
    elif kill != "never":
        place, number = kill.removeprefix("rename").split(":")
        left = [int(number)]

        def hook(event: str, args: tuple[Any, ...]) -> None:
            if event == "os.rename" and str(args[1]).startswith(home) and str(args[1]).endswith(place.lstrip("@")):
                left[0] -= 1
                if left[0] < 0:
                    _die()

        sys.addaudithook(hook)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
