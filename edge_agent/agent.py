"""The hot process: trigger, picture, verdict, journal, output; and the wiring of all that takes part.

The order within a part is the promise: the trigger is written down first, the decision and its outbox row before the
output moves, and every failure on the way is a verdict with a reason. `docs/ARCHITECTURE.md` tells the way of the data.
"""

from __future__ import annotations

import gc
import logging
import random
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from edge_agent.capture.camera import Camera
from edge_agent.capture.frame import Frame, Source
from edge_agent.capture.preview import Preview
from edge_agent.capture.settings import wanted_by
from edge_agent.capture.sources import make_source
from edge_agent.capture.triggers import Trigger
from edge_agent.challenger import Challenger
from edge_agent.channel import Channel, Message
from edge_agent.clock import SYSTEM, Clock
from edge_agent.config import PlcConfig, StationConfig
from edge_agent.contracts.credentials import device_class
from edge_agent.contracts.verdict import Reason
from edge_agent.home import Home
from edge_agent.inference.champion import Champion, Model
from edge_agent.inference.heatmap import encode_png
from edge_agent.install.slots import Pointer
from edge_agent.instructions import Settings
from edge_agent.intake import Intake
from edge_agent.interlock import Interlock
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from edge_agent.journal.rescue import rescued
from edge_agent.journal.ring import Quota, Ring
from edge_agent.keeper import Keeper
from edge_agent.line import Line
from edge_agent.models import ORDERS, LoadFolder, Models, loading
from edge_agent.outputs.group import make_outputs
from edge_agent.outputs.output import Output
from edge_agent.oversight import Oversight
from edge_agent.plc.handshake import State
from edge_agent.recipes.changeover import Changeover
from edge_agent.vitals import Vitals

if TYPE_CHECKING:
    from edge_agent.plc.desk import PlcDesk

_IDLE_S = 0.05
_REPORT_EVERY_S = 1.0
_MEGABYTE = 1_000_000
_SWITCH_S = 0.0005
"""How long another thread may keep the interpreter from this one: the default of 5 ms would be a late part."""

_log = logging.getLogger("lineside.hot")


@dataclass
class Surroundings:
    """What a hot loop is put into; the defaults are those of a real station."""

    clock: Clock = SYSTEM
    source: Source | None = None
    output: Output | None = None
    random: random.Random = field(default_factory=random.Random)
    device_class: str | None = None
    load: LoadFolder | None = None


class Hot:
    """One station's inspection. Several may run in one process, each in a thread of its own.

    `run` serves until the channel closes; tests and light stations may call `start`, `step` and `close` instead.
    """

    def __init__(
        self, home: Home, boot: UUID, channel: Channel, config: StationConfig, around: Surroundings | None = None
    ) -> None:
        around = around or Surroundings()
        self.home, self.channel, self.config, self.clock = home, channel, config, around.clock
        strict, turn = config.durability == "strict", threading.Lock()
        self.journal = Journal(Database(home.journal, strict, turn), boot)
        self.camera = Camera(around.source or make_source(config.source, self.clock), self.clock, around.random.random)
        self._preview = Preview(home.preview, self.camera, self.clock)
        self.champion = Champion()
        self.vitals = Vitals(self.clock)
        self.plc = self._plc(config.plc, boot)
        self._output = around.output or make_outputs(config.outputs, home, self.plc, channel.send)
        self._keeper = Keeper(Database(home.journal, strict, turn), boot, self._output, self.clock)
        quota = Quota(int(config.storage.quota_mb * _MEGABYTE), int(config.storage.reserve_mb * _MEGABYTE))
        self._ring = Ring(Database(home.journal, turn=turn), home.images, quota, encode_png)
        self.settings = Settings.of(config)
        self.oversight = Oversight(self.journal, self.clock, config)
        self.challenges = self.oversight.challenges
        self._challenger = Challenger(
            self.journal, self.clock, around.random, lambda: self._intake.waiting or channel.pending
        )
        load = loading(home, around.device_class or device_class(home.credentials), config.runtime, around.load)
        self._pointer = Pointer(home.root, config.model_names)
        self.changeover = Changeover(config.recipes, self._pointer, self.journal, self.clock, self._activate)
        self._models = Models(load, self.champion, self._challenger, channel.send, self._taken, self.changeover.fits)
        written = self.plc.written if self.plc is not None else None
        self.line = Line(
            *(self.journal, self._output, self._keeper, self._ring, self.vitals, self.clock, around.random, written),
            self._challenger,
            self.challenges,
        )
        self.interlock = Interlock(self.champion, self.changeover, self.camera, self.line, self.plc, self.challenges)
        self._intake = Intake(config.trigger, self.journal, self._refuse, self.clock, self._bounced)
        self._reported = float("-inf")
        self._told: Message = {}
        self._progress = 0

    def _plc(self, config: PlcConfig | None, boot: UUID) -> PlcDesk | None:
        if config is None:
            return None
        from edge_agent.plc.desk import PlcDesk

        return PlcDesk(config, boot, self.journal.last_plc_part(), self._plc_state, self.channel.deliver, self.clock)

    def _plc_state(self) -> State:
        """Return what the PLC is shown; the heartbeat moves only while this loop does."""
        lock = self.interlock
        return State(lock.takes_part, lock.fault, self._keeper.held, self._progress, self.changeover.number)

    def _look(self, at_once: bool = False) -> None:
        self.changeover.look(self.champion.active, not self._intake.waiting, self._models.trouble, at_once)
        if not self.changeover.why:
            self.oversight.look(self.champion.active, self.settings.automation, self.vitals.failing, at_once)

    def start(self) -> None:
        """Settle what a killed process left, load the installed model, open the camera."""
        sys.setswitchinterval(_SWITCH_S)
        now_ms = self.clock.wall_ms()
        self.journal.begin(now_ms)
        lost = self.journal.recover(now_ms)
        if lost:
            _log.warning("%d parts were in hand when the station was killed; they are rejects now", len(lost))
        if story := rescued(self.journal.database):
            _log.error("the journal was damaged: %s", story)
            self.journal.fault("journal-damaged", True, story, now_ms)
        self._models.load_installed(self._pointer.read())
        self._ring.start()
        self._keeper.start()
        self.camera.start()
        if self.plc is not None:
            self.plc.start()
        self._intake.start()
        self.channel.send({"to": "uplink", "kind": "started"})

    def run(self) -> None:
        """Start, inspect until the channel closes, end."""
        self.start()
        gc.freeze()  # a full collection over all that was imported takes 40 ms and more: a late part, now and then
        try:
            while not self.channel.closed:
                self.step(_IDLE_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of camera, outputs and files; held parts stay held."""
        self._preview.close()
        self.camera.close()
        self.line.rest()
        self._keeper.close()
        self._ring.close()
        self._output.close()
        self.journal.database.close()

    def step(self, wait_s: float) -> bool:
        """Obey messages, take over a loaded model, judge at most one part; True if there was one."""
        self._progress += 1
        while (message := self.channel.receive(0.0)) is not None:
            self._obey(message)
        self._models.take_loaded()
        self._look()
        self._report()
        inspecting = self.vitals.camera_seen(self.camera) and self.interlock.open
        trigger = self._intake.take(inspecting, self.camera.overtaken)
        if trigger is not None:
            self._judge(trigger, None)
            return True
        self._challenger.judge()
        if self.config.trigger.kind == "continuous" and self.champion.active is not None:
            frame = self.line.next_frame(self.camera, wait_s)
            if frame is None or self.changeover.why or not self.challenges.admits(frame.serial):
                return False
            self._judge(Trigger(frame.at, frame.serial), frame)
            return True
        self.line.rest()
        if (waited := self.channel.receive(wait_s)) is not None:
            self._obey(waited)
        return False

    def _judge(self, trigger: Trigger, first: Frame | None) -> None:
        model = self.champion.active
        serial = trigger.serial or (first.serial if first else "")
        if model is None or not self.changeover.admits(trigger) or not self.challenges.admits(serial):
            self._refuse(trigger, Reason.NOT_READY)
            return
        degree, shares = self.oversight.mode, self.settings.shares
        self._answer(trigger, self.line.inspect(trigger, first, self.camera, model, degree, shares))
        if not self._intake.waiting:
            self._challenger.judge()

    def _refuse(self, trigger: Trigger, reason: Reason) -> None:
        self._answer(trigger, self.line.refuse(trigger, reason))

    def _bounced(self, trigger: Trigger) -> None:
        self._answer(trigger, {"bounced": True})

    def _answer(self, trigger: Trigger, result: Message | None) -> None:
        if trigger.request is not None:
            said = result if result is not None else {"unwritten": self.line.trouble}
            self.channel.send({"to": "ui", "kind": "triggered", "request": trigger.request, **said})

    def _obey(self, message: Message) -> None:
        kind = message.get("kind")
        if kind in ORDERS:
            self._models.obey(message)
        elif kind == "review_decided":
            self._keeper.look()
        elif kind == "settings":
            self.settings = self.settings.changed(message)
            self.oversight.hear(message)
            self._look(at_once=True)
        elif kind == "recipe_wanted":
            self.changeover.ask(int(message["number"]))
            self._look(at_once=True)
        elif kind == "look":
            self._look(at_once=True)
        elif kind == "trigger":
            self._intake.hear(message)
        elif kind == "preview":
            self._preview.want(self.champion.active.recipe if self.champion.active is not None else None)
        elif kind == "plc_acted":
            self._intake.disposed(message)

    def _activate(self, bundle: str) -> None:
        self._models.activate(bundle)

    def _taken(self, model: Model) -> None:
        """Set camera, counts and trust for the model that judges from now on."""
        self.camera.want(wanted_by(model.recipe.camera))
        self.vitals.new_model()
        self._look(at_once=True)
        self._reported = float("-inf")

    def _report(self) -> None:
        now = self.clock.monotonic()
        self.line.mend()
        self.line.watch_camera(self.camera)
        status = self._status()
        if status["ready"]:
            self.changeover.finished()
        self._keeper.uptime.note(status["ready"], status["why"])
        if now - self._reported < _REPORT_EVERY_S and status == self._told:
            return
        if status != self._told:
            self.channel.send({"to": "supervisor", "kind": "status", **status})
        self._reported, self._told = now, status
        health = self.health()
        self.channel.send({"to": "uplink", **health})
        self.channel.send({"to": "ui", **health})

    def _status(self) -> Message:
        """Return whether the station inspects and why not, with which models, how far trusted, which product."""
        why = self.interlock.why
        status = {"ready": not why, "bundle": self.champion.bundle, "why": why}
        return status | self._models.report() | self.oversight.report() | self.changeover.report()

    def health(self) -> Message:
        """Return what is sent about once a second.

        Counts since the process started (`parts`, `model_errors`) and since the model was taken (`bundle_parts`,
        `bundle_errors`), latency of the last parts, readiness and why not, model, mode and runtime.
        """
        model = self.champion.active
        return {
            "kind": "health",
            **self._status(),
            "runtime": model.runtime if model is not None else "",
            "threads": model.threads if model is not None else None,
            "camera": self.camera.fault,
            "camera_unset": self.camera.unset,
            "journal": self.line.trouble,
            "plc": self.plc.fault if self.plc is not None else "",
            "finished": self.camera.ended,
            "pictures_lost": self._ring.lost,
            **self.vitals.summary(),
        }
