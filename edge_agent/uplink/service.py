"""The uplink of one station, wired: MQTT link, outbox, windows, pictures, and the updater in threads of their own.

Many may run in one process (light stations): nothing here is global.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from edge_agent.channel import Message
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import StationConfig
from edge_agent.contracts.credentials import Credentials, load_credentials
from edge_agent.home import Home
from edge_agent.install.activation import Activation
from edge_agent.install.arrival import Arrival, SelfTest
from edge_agent.install.clock_guard import ClockGuard
from edge_agent.install.download import Download
from edge_agent.install.proofs import Proofs, software
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.registry import Registry
from edge_agent.install.slots import bundle_folder, read_slots
from edge_agent.install.trust import Trust
from edge_agent.install.tuning import delegate_of, selftest_of
from edge_agent.install.updater import Updater
from edge_agent.journal.database import Database
from edge_agent.uplink.conversation import Conversation
from edge_agent.uplink.doubts import Doubts
from edge_agent.uplink.pictures import Pictures, Sender
from edge_agent.uplink.reporting import Identity, own_versions
from edge_agent.uplink.windows import Windows, baselines_below

_log = logging.getLogger("lineside.uplink")
_LEAVE_S = 3.0


@dataclass(frozen=True)
class Surroundings:
    """What an uplink is put into; the defaults are those of a real station.

    `siblings` are bundle folders of other stations on this machine, `selftest` runs the golden cases,
    `health_every_s` is how often the counters are sent.
    """

    clock: Clock = SYSTEM
    selftest: SelfTest | None = None
    siblings: tuple[Path, ...] = ()
    health_every_s: float = 10.0
    poll_s: float = 0.2


class Uplink:
    """One station's way to the fleet. `receive` takes the hot process's and the supervisor's messages."""

    def __init__(
        self,
        home: Home,
        boot: UUID,
        send: Callable[[Message], None],
        config: StationConfig,
        around: Surroundings | None = None,
    ) -> None:
        around = around or Surroundings()
        self._send, self._settings_for = send, -1
        self._stopping = threading.Event()
        credentials = load_credentials(home.credentials)
        self._databases = [Database(home.journal) for _ in range(3)]
        install, delivery, images = self._databases
        guard = ClockGuard(install, around.clock, credentials.issued_ms)
        self.updater = _updater(home, boot, credentials, install, guard, config, around, send, self._moved)
        identity = Identity(boot, credentials.device_class, own_versions())
        self.conversation = Conversation(
            home=home,
            credentials=credentials,
            identity=identity,
            database=delivery,
            windows=Windows(
                delivery,
                boot,
                baselines_below(lambda bundle: bundle_folder(home.root, bundle)),
                around.clock,
                config.uplink.window_seconds,
                lambda: guard.suspect,
            ),
            desire=self.updater.offer,
            selftest=lambda: _try_model(home, credentials, _selftest(home, config, around)),
            clock=around.clock,
            clock_suspect=lambda: guard.suspect,
            doubts=Doubts(delivery, boot, guard, around.clock),
            bytes_per_second=config.uplink.bytes_per_second,
            health_every_s=around.health_every_s,
            poll_s=around.poll_s,
        )
        sender = Sender(credentials.upload_url, credentials.device, credentials.broker.password)
        self._pictures = Pictures(images, home.images, sender)
        self._threads = [
            threading.Thread(target=self.updater.run, name="install", daemon=True),
            threading.Thread(target=self.conversation.run, args=(self._stopping,), name="delivery", daemon=True),
            threading.Thread(target=self._pictures.run, args=(self._stopping,), name="pictures", daemon=True),
        ]

    @property
    def alive(self) -> bool:
        """False when a thread has died: then the process should be started anew."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Connect, and go on with what the last process left behind."""
        for thread in self._threads:
            thread.start()
        self.conversation.connect()

    def receive(self, message: Message) -> None:
        """Take a message from the hot process or the supervisor."""
        if message.get("kind") == "started":
            self._settings(self.updater.record)
        self.updater.hear(message)
        self.conversation.hear(message)

    def watch(self) -> None:
        """Nothing is due: the threads look for themselves."""

    def status(self) -> Message:
        """Return what belongs into the station's status."""
        return self.conversation.status()

    def close(self) -> None:
        """Say goodbye, stop the threads and let go of the journal; the outbox keeps what was not acknowledged."""
        self._stopping.set()
        self.updater.stop()
        self.conversation.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_LEAVE_S)
        if not any(thread.is_alive() for thread in self._threads):
            for database in self._databases:
                database.close()

    def _moved(self, record: Record) -> None:
        self.conversation.wake()
        if record.generation != self._settings_for:
            self._settings(record)

    def _settings(self, record: Record) -> None:
        """Tell the hot process the degree of automation and the sampling that the fleet desires, and its caution."""
        desired = record.desired
        if desired is None:
            return
        self._settings_for = record.generation
        sampling = desired.sampling
        message: Message = {"to": "hot", "kind": "settings", "audit": sampling.audit, "weighted": sampling.weighted}
        if desired.automation is not None:
            message["automation"] = desired.automation.value
        if desired.caution is not None:
            message["caution"] = desired.caution.model_dump(mode="json")
        self._send(message)


def _updater(
    home: Home,
    boot: UUID,
    credentials: Credentials,
    database: Database,
    guard: ClockGuard,
    config: StationConfig,
    around: Surroundings,
    send: Callable[[Message], None],
    observer: Callable[[Record], None],
) -> Updater:
    journal = InstallJournal(database, boot, around.clock)
    registry = Registry(credentials.registry.url, credentials.device, credentials.broker.password)
    cancelled = _Later()
    download = Download(home, registry, around.siblings, cancelled=cancelled)
    selftest = _selftest(home, config, around)
    trust = Trust(home.trust, registry, credentials.registry.root)
    around_model = software(credentials.device_class, config.runtime.threads, delegate_of(config.runtime))
    proofs = Proofs(database, around_model, lambda bundle: home.bundle(bundle).is_dir())
    arrival = Arrival(journal, trust, download, guard, credentials.device_class, selftest, proofs, config.model_names)
    activation = Activation(home, journal, around.clock, send, config.probation.crashes_max, config.model_names)
    updater = Updater(journal, arrival, activation, around.clock, lambda: guard.suspect, observer)
    cancelled.ask = updater.interrupted
    return updater


def _selftest(home: Home, config: StationConfig, around: Surroundings) -> SelfTest:
    return around.selftest or selftest_of(home.root, config.runtime)


def _try_model(home: Home, credentials: Credentials, selftest: SelfTest) -> str:
    """Run the golden cases of the model in use; return what is wrong, "" for nothing."""
    active = read_slots(home.root).active
    if active is None:
        return "no model is installed"
    result = selftest(bundle_folder(home.root, active), credentials.device_class)
    return "" if result.ok else result.reason or "failed"


class _Later:
    """A question whose answerer is made after its asker."""

    def __init__(self) -> None:
        self.ask: Callable[[], bool] = lambda: False

    def __call__(self) -> bool:
        return self.ask()
