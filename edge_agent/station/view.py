"""What the page shows: queue, last parts, counts and the station's state, as one value that changes or does not."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge_agent.channel import Message
from edge_agent.clock import Clock
from edge_agent.contracts.credentials import Credentials, load_credentials
from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.verdict import Automation
from edge_agent.home import Home, read_json
from edge_agent.report.names import Names
from edge_agent.station.checks import Checks
from edge_agent.station.desk import Desk, Waiting
from edge_agent.station.health import Ready, Report, readiness, triggered
from edge_agent.station.models import Bundles

BLIND = (Automation.HUMAN.value, Automation.SHADOW.value)
_LOW_DISK_MB = 200
_MB = 1 << 20


@dataclass(frozen=True)
class Link:
    """Connection to the fleet; `known` is false until the uplink has said anything, and `why` its last problem."""

    enrolled: bool
    known: bool
    connected: bool
    why: str


class View:
    """Gathers the state. `hear` is called with every message of the other processes.

    `names` are what people read for the model's labels, by label and language.
    """

    def __init__(
        self,
        home: Home,
        desk: Desk,
        checks: Checks,
        bundles: Bundles,
        clock: Clock,
        names: Names | None = None,
    ) -> None:
        self._home = home
        self._desk = desk
        self._checks = checks
        self._bundles = bundles
        self._clock = clock
        self._names = names or {}
        self._hot: Report | None = None
        self.place = station_place(home)

    def hear(self, message: Message) -> None:
        """Take a report of the hot process."""
        if message.get("kind") == "health" and message.get("from", "hot") == "hot":
            self._hot = Report(self._clock.monotonic(), message)

    def marker(self, operator: str) -> tuple[object, ...]:
        """Return a value that is another one whenever a person's page has to show something else."""
        low = self._disk()["low"]
        asked = tuple(item.part for item in self._checks.waiting(operator))
        return (
            asked,
            self._desk.tallies(),
            self.ready(),
            self._bundles.active(),
            self._link(),
            low,
            self._mode(),
            self._lowered(),
            self.health().get("recipe", ""),
            self._caution(),
        )

    def state(self, operator: str) -> dict[str, Any]:
        """Return everything that a person's page shows."""
        return {
            "queue": self.queue(operator),
            "recent": self.recent(),
            "counts": self._desk.counts(),
            "station": self.status(),
        }

    def queue(self, operator: str) -> list[dict[str, Any]]:
        """Return what waits for a person, the nearest deadline first.

        Without the machine's opinion where people must decide unbiased. Programs (operator "") get no blind questions.
        """
        waiting = self._desk.queue() + self._checks.waiting(operator)
        waiting.sort(key=lambda item: item.remaining_s)
        return [asdict(blinded(item) if self.blind() else item) for item in waiting]

    def recent(self) -> list[dict[str, Any]]:
        """Return the last parts, newest first."""
        return self._desk.recent(self.blind())

    def blind(self) -> bool:
        """True where the machine's opinion stays hidden until the person has decided, or may have to: not known yet."""
        return self._mode() in (*BLIND, "")

    def status(self) -> dict[str, Any]:
        """Return the station's state, for the page and for programs."""
        active = self._bundles.active_manifest()
        ready = self.ready()
        return {
            "ready": ready.ready,
            "code": ready.code,
            "words": ready.words,
            "detail": ready.detail,
            "mode": self._mode(),
            "lowered": self._lowered(),
            "recipe": self.health().get("recipe", ""),
            "caution": self._caution(),
            "model": _model(active),
            "labels": _labels(active),
            "names": self._names,
            "link": asdict(self._link()),
            "disk": self._disk(),
            "place": self.place,
            "counts": self._desk.counts(),
            "tallies": self._desk.tallies(),
        }

    def health(self) -> dict[str, Any]:
        """Return the last report of the hot process as it came; empty before the first."""
        return self._hot.content if self._hot else {}

    def ready(self) -> Ready:
        """Return whether the station inspects, and why not."""
        uplink = read_json(self._home.station).get("status", {}).get("uplink") or {}
        return triggered(readiness(self._hot, self._clock.monotonic()), str(uplink.get("trigger") or ""))

    def automation(self) -> Automation | None:
        """Return the degree of automation in force on the line, None before the hot process has said it."""
        return next((degree for degree in Automation if degree.value == self._mode()), None)

    def _mode(self) -> str:
        return str(self.health().get("mode") or "")

    def _lowered(self) -> str:
        """Why the station decides less than it was told to; "" while it does not."""
        return str(self.health().get("lowered") or "")

    def _caution(self) -> str:
        """Why the fleet mistrusts the model in use now; "" while it does not."""
        return str(self.health().get("caution") or "")

    def _link(self) -> Link:
        uplink = read_json(self._home.station).get("status", {}).get("uplink") or {}
        connected = bool(uplink.get("connected"))
        why = "" if connected else str(uplink.get("problem") or "")
        return Link(self._home.credentials.exists(), "connected" in uplink, connected, why)

    def _disk(self) -> dict[str, Any]:
        usage = shutil.disk_usage(self._home.root)
        free = usage.free // _MB
        return {
            "free_mb": free,
            "free_bytes": usage.free,
            "free_share": round(usage.free / usage.total, 3),
            "low": free < _LOW_DISK_MB,
        }


def blinded(item: Waiting) -> Waiting:
    """Return the part without score, label, heatmap and peak."""
    return replace(item, score=None, label="", heatmap=None, peak=None)


def station_place(home: Home) -> dict[str, str]:
    """Return device, site, line and device class; a station that was never enrolled is called like its folder."""
    try:
        found: Credentials = load_credentials(home.credentials)
    except ConfigError:
        return {"device": home.root.name, "site": "", "line": "", "class": "generic"}
    return {"device": found.device, "site": found.site, "line": found.line, "class": found.device_class}


def _model(active: tuple[str, Any] | None) -> dict[str, Any] | None:
    if active is None:
        return None
    bundle, manifest = active
    return {"bundle": bundle, "name": manifest.name, "version": manifest.version}


def _labels(active: tuple[str, Any] | None) -> dict[str, Any]:
    if active is None:
        return {"good": "good", "defects": []}
    labels = active[1].recipe.labels
    return {"good": labels.good, "defects": list(labels.defects)}
