"""A station's folder with real pictures and a real journal, and its ui process served on a free port.

What the hot process would write is written through `edge_agent.journal`; nothing of the page is simulated.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import cv2
import numpy as np
import yaml

from edge_agent.channel import LocalChannel
from edge_agent.clock import SYSTEM, Clock
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.home import Home
from edge_agent.journal import reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal, PartKey
from edge_agent.station.pinbook import PinBook, Role
from edge_agent.station.server import main
from tests.simulators.line import TINY, install
from trainer.samples.generate import sample_part

PIN = "2468"
DEFECTS = ("scratch", "pit")
GOOD = "ok"
HEALTHY = {"kind": "health", "from": "hot", "ready": True, "why": "", "bundle": "b", "mode": "partial", "camera": ""}


@dataclass
class StationHome:
    """The folder, and the pen of the hot process."""

    home: Home
    boot: UUID = field(default_factory=uuid4)
    parts: int = 0
    clock: Clock = SYSTEM
    pen: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.home.root.mkdir(parents=True, exist_ok=True)
        self.bundle = install(self.home, TINY)
        self.home.config.write_text(yaml.safe_dump({"ui": {"port": 0}}))
        self.journal = Journal(Database(self.home.journal), self.boot)
        self.journal.begin(self.clock.wall_ms())

    def people(self, **roles: str) -> StationHome:
        """Add people, all with the same PIN."""
        for name, role in roles.items():
            PinBook(self.home.root / "pins.json").add(name, PIN, Role(role))
        return self

    def picture(self, index: int) -> tuple[str, np.ndarray]:
        """Store a sample part's picture in the ring; return its digest and its mask."""
        part = sample_part(3, index, frames=1)
        data = cv2.imencode(".png", part.frames[0])[1].tobytes()
        digest = digest_bytes(data)
        path = self.home.images / digest[:2] / f"{digest}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return digest, part.masks[0]

    def hold(
        self,
        seconds: float = 20.0,
        index: int | None = None,
        label: str = DEFECTS[0],
        reason: Reason = Reason.UNSURE,
    ) -> PartKey:
        """A part comes and is held for a person."""
        index = self.parts if index is None else index
        digest, mask = self.picture(index)
        small = cv2.resize(cv2.GaussianBlur(mask, (31, 31), 0), (16, 16), interpolation=cv2.INTER_AREA)
        row, column = np.unravel_index(int(small.argmax()), small.shape)
        decision = Decision(
            Verdict.REVIEW,
            reason,
            label=label,
            score=0.47,
            peak=((column + 0.5) / 16, (row + 0.5) / 16),
            bundle=self.bundle,
            latency_ms=6.2,
            image=digest,
            review_until=self.clock.monotonic() + seconds,
            heatmap=cv2.imencode(".png", small)[1].tobytes(),
        )
        return self.decide(decision)

    def pass_by(
        self, verdict: Verdict, reason: Reason = Reason.MODEL, label: str = GOOD, index: int | None = None
    ) -> PartKey:
        """A part comes and the machine decides it."""
        image = None if index is None else self.picture(index)[0]
        score = 0.02 if verdict is Verdict.ACCEPT else 0.98
        return self.decide(Decision(verdict, reason, label=label, score=score, bundle=self.bundle, image=image))

    def expire(self) -> None:
        """Reject what nobody decided in time, as the hot process does."""
        with self.pen:
            reviews.expire(self.journal, self.clock.wall_ms(), self.clock.monotonic())

    def decide(self, decision: Decision) -> PartKey:
        """Trigger and decide, as the hot process does."""
        with self.pen:
            self.parts += 1
            part = self.journal.trigger(f"P-{self.parts:05d}", self.clock.wall_ms())
            self.journal.decide(part, decision, self.clock.wall_ms())
        return part


@dataclass
class Running:
    """The ui process's main function in a thread, and the messages it sent."""

    url: str
    channel: LocalChannel
    sent: list[dict[str, Any]]
    paused: bool = False

    def pause(self) -> None:
        """Stop saying that all is well."""
        self.paused = True

    def healthy(self, **changes: Any) -> None:
        """Say what the hot process says once a second."""
        self.channel.deliver({**HEALTHY, **changes})


@contextmanager
def serving(station: StationHome) -> Iterator[Running]:
    """Serve the station's pages until the block ends."""
    sent: list[dict[str, Any]] = []
    channel = LocalChannel(sent.append)
    failures: list[BaseException] = []
    running: list[Running] = []
    stop = threading.Event()

    def serve() -> None:
        try:
            main(station.home, station.boot, channel)
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            failures.append(error)

    def beat() -> None:
        for tick in itertools.count(1):
            if stop.wait(0.05):
                return
            station.expire()
            if tick % 20 == 0 and running and not running[0].paused:
                running[0].healthy()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    limit = time.monotonic() + 20
    while not any(message.get("url") for message in sent):
        if failures:
            raise failures[0]
        assert time.monotonic() < limit, "the server did not start"
        time.sleep(0.01)
    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        running.append(Running(next(m["url"] for m in sent if m.get("url")), channel, sent))
        running[0].healthy()
        yield running[0]
    finally:
        stop.set()
        heart.join()
        channel.close()
        thread.join(10)
    assert not thread.is_alive(), "the server did not stop"
