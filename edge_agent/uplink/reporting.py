"""What a device says of itself: the whole reported state, and its health. Pure functions of what is known."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import UUID

from edge_agent.contracts.messages import Health, Installed, Reported
from edge_agent.contracts.states import UpdateState
from edge_agent.contracts.verdict import Automation
from edge_agent.install.record import Record
from edge_agent.install.slots import Slot, Slots

_GAUGES = ("latency_p50_ms", "latency_p95_ms", "parts", "model_errors", "pictures_lost")


@dataclass(frozen=True)
class HotView:
    """What the hot process last said; `heard` is False until it has said anything."""

    heard: bool = False
    ready: bool = False
    bundle: str | None = None
    mode: Automation = Automation.PARTIAL
    runtime: str = ""
    gauges: tuple[tuple[str, float], ...] = ()

    def after(self, message: dict[str, Any]) -> HotView:
        """Return the view after one more message of the hot process or the supervisor."""
        kind = message.get("kind")
        if kind == "activated":
            return replace(self, heard=True, bundle=message.get("bundle"))
        if kind == "child_exited" and message.get("child") == "hot":
            return replace(self, ready=False)
        if kind != "health":
            return self
        known = {mode.value for mode in Automation}
        values = [(name, message.get(name)) for name in _GAUGES]
        return HotView(
            heard=True,
            ready=bool(message.get("ready", False)),
            bundle=message.get("bundle"),
            mode=Automation(message["mode"]) if message.get("mode") in known else self.mode,
            runtime=str(message.get("runtime", "")),
            gauges=tuple((name, float(value)) for name, value in values if isinstance(value, int | float)),
        )


@dataclass(frozen=True)
class Identity:
    """What does not change while the device runs."""

    boot: UUID
    device_class: str
    versions: tuple[tuple[str, str], ...]


def own_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of the agent and of Python."""
    try:
        agent = version("lineside")
    except PackageNotFoundError:
        agent = "unknown"
    return (("agent", agent), ("python", platform.python_version()))


def reported_state(
    identity: Identity, record: Record, slots: Slots, hot: HotView, now_ms: int, clock_suspect: bool
) -> Reported:
    """Return the whole state. `running` is what the hot process says it runs, else what the pointer names.

    The journal commits before the pointer's `last_good` moves, so the journal's word is taken for both.
    """
    running = hot.bundle if hot.heard else slots.active
    committed = record.state is UpdateState.COMMITTED and record.bundle == slots.active
    versions = dict(identity.versions)
    if hot.runtime:
        versions["runtime"] = hot.runtime
    return Reported(
        generation=record.generation,
        at_ms=now_ms,
        boot=identity.boot,
        state=record.state,
        reason=record.reason,
        target=record.bundle,
        running=running,
        running_release=slots.releases.get(running, 0) if running else 0,
        last_good=slots.active if committed else slots.last_good,
        rollout=record.rollout,
        automation=hot.mode,
        ready=hot.ready,
        device_class=identity.device_class,
        versions=versions,
        clock_suspect=clock_suspect,
        recipe=slots.recipe,
        recipes=_installed(slots) if slots.recipe is not None else {},
    )


def _installed(slots: Slots) -> dict[str, Installed]:
    by_recipe: dict[str, Slot] = {**slots.resting, str(slots.recipe): slots}
    return {
        name: Installed(bundle=slot.active, release=slots.releases.get(slot.active, 0))
        for name, slot in by_recipe.items()
        if slot.active is not None
    }


def health(
    identity: Identity,
    tallies: dict[str, int],
    hot: HotView,
    waiting: dict[str, float],
    now_ms: int,
    uptime_s: float,
) -> Health:
    """Return the counters since the journal began, and what is measured now."""
    gauges = {**dict(hot.gauges), **waiting, "ready": float(hot.ready)}
    return Health(boot=identity.boot, at_ms=now_ms, uptime_s=round(uptime_s, 3), counters=tallies, gauges=gauges)
