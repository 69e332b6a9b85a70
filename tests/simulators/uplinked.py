"""One uplink with everything real around it but the hot process: broker, registry over HTTP, journal, threads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from edge_agent.config import StationConfig
from edge_agent.contracts.messages import Desired, Reported, decode, encode
from edge_agent.contracts.topics import UP, Address, Channel, fleet_filter, parse
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.home import Home
from edge_agent.install.slots import read_slots
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.uplink.link import Link
from edge_agent.uplink.service import Surroundings, Uplink
from tests.simulators.fleet_side import FleetSide
from tests.simulators.installing import passes
from tests.simulators.registry import PASSWORD, USER, RegistrySimulator

SITE = Address("site-1", USER)


def enrol(home: Path, broker: str, registry: RegistrySimulator, device: str = USER) -> None:
    """Write the credentials file as `edge-agent enrol` puts it there."""
    registry.users.add(device)
    home.mkdir(parents=True, exist_ok=True)
    content = {
        "device": device,
        "site": SITE.site,
        "line": "line-1",
        "device_class": "generic",
        "broker": {"url": broker, "username": device, "password": PASSWORD},
        "registry": {"url": registry.url, "root": registry.root_dict()},
        "upload_url": f"{registry.url}/api/v1/devices/{device}",
        "issued_ms": int(time.time() * 1000) - 1000,
    }
    (home / "credentials.json").write_text(json.dumps(content))


class Station:
    """An uplink that runs; the hot process is played: it answers at once and says what it runs."""

    def __init__(self, root: Path, boot: UUID | None = None, **around: Any) -> None:
        self.home, self.boot = Home(root), boot or uuid4()
        self.database = Database(self.home.journal)
        self.journal = Journal(self.database, self.boot)
        self.journal.begin(int(time.time() * 1000))
        self.sent: list[dict[str, Any]] = []
        surroundings = Surroundings(selftest=passes, health_every_s=0.2, poll_s=0.02, **around)
        self.uplink = Uplink(self.home, self.boot, self._hot, StationConfig(), surroundings)

    def _hot(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message["kind"] in ("activate", "revert"):
            self.uplink.receive({"kind": "activated", "bundle": message["bundle"]})

    def judge(self, parts: int, bundle: str | None = None) -> None:
        """Finish parts in the journal."""
        for _ in range(parts):
            key = self.journal.trigger("", 0)
            decision = Decision(Verdict.ACCEPT, Reason.MODEL, bundle=bundle or read_slots(self.home.root).active)
            self.journal.decide(key, decision, int(time.time() * 1000))

    def __enter__(self) -> Station:
        self.uplink.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.uplink.close()
        self.database.close()


class FleetEnd:
    """Hears all devices on a real broker and acknowledges what they send."""

    def __init__(self, broker: str, acknowledge: bool = True) -> None:
        self.facts, self.acknowledge = FleetSide(), acknowledge
        self.reported: list[Reported] = []
        self.states: dict[str, Reported] = {}
        self.heard: list[tuple[Channel, bytes, bool]] = []
        self._changed = threading.Condition()
        self.link = Link(broker, "fleet", on_message=self._take, start=False)
        self.link.subscribe([fleet_filter(channel) for channel in UP])
        self.link.start()

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        address, channel = parse(topic)
        with self._changed:
            self.heard.append((channel, payload, retained))
            if channel is Channel.REPORTED:
                self.reported.append(decode(Reported, payload))
                self.states[address.device] = self.reported[-1]
            if channel in (Channel.EVENT, Channel.WINDOW):
                ack = self.facts.take(channel, payload)
                if self.acknowledge:
                    self.link.publish(address.topic(Channel.ACK), encode(ack))
            self._changed.notify_all()

    def desire(self, desired: Desired, device: str = USER) -> None:
        """Say, retained, what a device shall be."""
        self.link.publish(Address(SITE.site, device).topic(Channel.DESIRED), encode(desired), retain=True)

    def wait(self, until: Callable[[], bool], timeout: float = 15.0) -> bool:
        """Return True as soon as `until` holds."""
        with self._changed:
            return self._changed.wait_for(until, timeout)

    def close(self) -> None:
        """Disconnect."""
        self.link.close()
