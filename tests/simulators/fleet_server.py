"""A real fleet server in this process, and stations that answer it over a real broker as they are told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.credentials import Credentials
from edge_agent.contracts.events import Decided, Event, EventBatch, Transition
from edge_agent.contracts.messages import Ack, Desired, ModelRef, Presence, Reported, decode, encode
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.topics import Channel
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.uplink.link import Link
from fleet.client import Client
from fleet.devices.enrolment import NewDevice
from fleet.founding import found
from fleet.home import Home
from fleet.registry.publish import Published, Publisher
from fleet.registry.remote import RemoteRegistry
from fleet.service import Service, Settings
from tests.simulators.bundles import make_bundle


def eventually(condition: Callable[[], bool], timeout: float = 60.0) -> bool:
    """Return True as soon as the condition holds, False if it does not in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


class Server:
    """A running service and shortcuts to what tests look at."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.folder, self.service = folder, service
        self.client = Client.of(service.settings.home)
        self.stations: list[Station] = []

    def publish(self, version: str) -> Published:
        """Make a small bundle that no runtime can run, and publish it."""
        return self.publish_bundle(make_bundle(self.folder / f"bundle-{version}", version))

    def publish_bundle(self, bundle: BundleFolder) -> Published:
        """Sign and publish a bundle over HTTP."""
        keys = self.service.settings.home.keys
        publisher = Publisher(RemoteRegistry(self.client), [keys], lambda: datetime.now(timezone.utc))
        return publisher.publish(bundle)

    def station(self, name: str, site: str = "here", behaviour: str = "commit", start: bool = True) -> Station:
        """Enrol a station; `behaviour` is commit, fail, or silent."""
        credentials = self.service.context.enrolment.enrol(NewDevice(device=name, site=site, line="l1"))
        station = Station(credentials, behaviour)
        self.stations.append(station)
        if start:
            station.connect()
            assert station.link.wait_connected(60)
        return station

    def rollout(self, **order: Any) -> str:
        """Start a rollout with no soak and no planned parts unless told otherwise."""
        defaults = {"soak_ms": 0, "limits": {"parts": 0}}
        started: dict[str, Any] = self.client.post("/api/v1/rollouts", {**defaults, **order})
        return str(started["id"])

    def show(self, rollout: str) -> dict[str, Any]:
        """Return a rollout as the API shows it."""
        shown: dict[str, Any] = self.client.get(f"/api/v1/rollouts/{rollout}")
        return shown

    def reaches(self, rollout: str, state: str, timeout: float = 60.0) -> bool:
        """Return True as soon as the rollout is in `state`."""
        return eventually(lambda: bool(self.show(rollout)["state"] == state), timeout)


@contextmanager
def fleet_server(folder: Path, **settings: Any) -> Iterator[Server]:
    """Found a fleet in `folder` (if there is none) and serve it on free ports."""
    home = Home(folder / "home")
    if not home.exists:
        found(home)
    service = Service(Settings(home, **{"port": 0, "mqtt_port": 0, **settings}))
    service.start()
    server = Server(folder, service)
    try:
        yield server
    finally:
        for station in server.stations:
            station.disconnect()
        server.client.close()
        service.stop()


class Station:
    """A device of which only the conversation is simulated: the link and the broker are real."""

    def __init__(self, credentials: Credentials, behaviour: str = "commit") -> None:
        self.credentials, self.behaviour = credentials, behaviour
        self.boot, self.session, self.seq = uuid4(), 0, 0
        self.running: ModelRef | None = None
        self.desired: list[Desired] = []
        self.acked = 0
        self.changed = threading.Condition()

    def connect(self) -> None:
        """Connect as the agent does: will, birth, own subscriptions."""
        access = self.credentials.broker
        name = self.credentials.device
        self.link = Link(
            access.url,
            name,
            access.username,
            access.password,
            will=self._will,
            on_message=self._message,
            on_connect=lambda present: self._born(),
            start=False,
        )
        self.link.subscribe([self._topic(Channel.DESIRED), self._topic(Channel.ACK)])
        self.link.start()

    def disconnect(self) -> None:
        """Leave in good order."""
        if hasattr(self, "link"):
            self.link.close()

    def _topic(self, channel: Channel) -> str:
        return self.credentials.address.topic(channel)

    def _will(self) -> tuple[str, bytes]:
        self.session += 1
        return self._topic(Channel.PRESENCE), self._presence(online=False)

    def _presence(self, online: bool) -> bytes:
        return encode(Presence(online=online, boot=self.boot, session=self.session, at_ms=1))

    def _born(self) -> None:
        self.link.publish(self._topic(Channel.PRESENCE), self._presence(online=True), 1, True)

    def _message(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._topic(Channel.ACK):
            for position in decode(Ack, payload).positions:
                if position.boot == self.boot:
                    self.acked = max(self.acked, position.seq)
        else:
            self._obey(decode(Desired, payload))
        with self.changed:
            self.changed.notify_all()

    def _obey(self, desired: Desired) -> None:
        if self.desired and desired.generation <= self.desired[-1].generation:
            return
        self.desired.append(desired)
        known = desired.model is not None and self.running is not None and desired.model.bundle == self.running.bundle
        if self.behaviour == "silent":
            return
        if self.behaviour == "fail" and not known:
            self.report(UpdateState.FAILED, "as told")
            return
        self.report(UpdateState.DOWNLOADING)
        self.running = desired.model or self.running
        self.report(UpdateState.COMMITTED)

    def report(self, state: UpdateState, reason: str = "") -> None:
        """Publish the whole reported state."""
        reported = Reported(
            generation=self.desired[-1].generation if self.desired else 0,
            at_ms=1,
            boot=self.boot,
            state=state,
            reason=reason,
            running=self.running.bundle if self.running else None,
            running_release=self.running.release if self.running else 0,
        )
        self.link.publish(self._topic(Channel.REPORTED), encode(reported), 1, True)

    def inspect(self, parts: int, reason: Reason = Reason.MODEL) -> EventBatch:
        """Decide some parts under the running bundle and send the facts; return the batch, to send it again."""
        events = []
        for _ in range(parts):
            self.seq += 1
            verdict = Verdict.ACCEPT if reason is Reason.MODEL else Verdict.REJECT
            bundle = self.running.bundle if self.running else None
            data = Decided(
                part=self.seq, part_boot=self.boot, verdict=verdict, final=verdict, reason=reason, bundle=bundle
            )
            events.append(Event(seq=self.seq, at_ms=1, data=data))
        batch = EventBatch(boot=self.boot, events=tuple(events))
        self.send(batch)
        return batch

    def move(self, after: UpdateState) -> None:
        """Send a transition of the present generation as an event."""
        self.seq += 1
        data = Transition(before=UpdateState.OFFERED, after=after, generation=self.desired[-1].generation)
        self.send(EventBatch(boot=self.boot, events=(Event(seq=self.seq, at_ms=1, data=data),)))

    def send(self, batch: EventBatch) -> None:
        """Publish a batch of events."""
        self.link.publish(self._topic(Channel.EVENT), encode(batch), 1, False)

    def wait_acked(self, seq: int, timeout: float = 60.0) -> bool:
        """Return True once everything up to `seq` was acknowledged."""
        with self.changed:
            return self.changed.wait_for(lambda: self.acked >= seq, timeout)
