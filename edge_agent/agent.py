"""The hot process: trigger, picture, verdict, journal, output; and the wiring of all that takes part.

The order within a part is the promise: the trigger is written down first, the decision and its outbox row before the
output moves, and every failure on the way is a verdict with a reason. `docs/ARCHITECTURE.md` tells the way of the data.
"""

from __future__ import annotations

import logging
import random
import sys
import threading
from dataclasses import dataclass, field, replace
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
from edge_agent.contracts.plc import Disposition, PlcPart
from edge_agent.contracts.verdict import Reason
from edge_agent.home import Home
from edge_agent.inference.champion import Champion, Model
from edge_agent.inference.heatmap import encode_png
from edge_agent.install.slots import read_slots
from edge_agent.intake import Intake
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Journal
from edge_agent.journal.rescue import rescued
from edge_agent.journal.ring import Quota, Ring
from edge_agent.keeper import Keeper
from edge_agent.line import Line, Settings
from edge_agent.models import LoadFolder, Models, loading
from edge_agent.outputs.group import make_outputs
from edge_agent.outputs.output import Output
from edge_agent.oversight import Oversight
from edge_agent.plc.handshake import State
from edge_agent.unwritten import Notes
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
        self.journal = Journal(Database(home.journal, strict, checkpoints=False, turn=turn), boot)
        self.camera = Camera(around.source or make_source(config.source, self.clock), self.clock, around.random.random)
        self._preview = Preview(home.preview, self.camera, self.clock)
        self.champion = Champion()
        self.vitals = Vitals(self.clock)
        self.plc = self._plc(config.plc, boot)
        self._output = around.output or make_outputs(config.outputs, home, self.plc, channel.send)
        self._keeper = Keeper(Database(home.journal, strict, turn=turn), boot, self._output, self.clock)
        quota = Quota(int(config.storage.quota_mb * _MEGABYTE), int(config.storage.reserve_mb * _MEGABYTE))
        self._ring = Ring(Database(home.journal, turn=turn), home.images, quota, encode_png)
        self.settings = Settings.of(config)
        self.oversight = Oversight(self.journal, self.clock, config)
        self.challenges = self.oversight.challenges
        self._challenger = Challenger(self.journal, self.clock)
        load = loading(home, around.device_class or device_class(home.credentials), config.runtime, around.load)
        self._models = Models(load, self.champion, self._challenger, channel.send, self._taken)
        written, judged = self.plc.written if self.plc is not None else None, self._challenger.offer
        self.line = Line(
            *(self.journal, self._output, self._keeper, self._ring, self.vitals, self.clock, around.random, written),
            judged,
            self.challenges,
        )
        self._intake = Intake(config.trigger, self.journal, self._refuse, self.clock)
        self._notes, self._reported = Notes(), float("-inf")
        self._told: Message = {}
        self._progress = 0

    def _plc(self, config: PlcConfig | None, boot: UUID) -> PlcDesk | None:
        if config is None:
            return None
        from edge_agent.plc.desk import PlcDesk

        return PlcDesk(config, boot, self.journal.last_plc_part(), self._plc_state, self.channel.deliver, self.clock)

    def _plc_state(self) -> State:
        """Return what the PLC is shown; the heartbeat moves only while this loop does."""
        ready = self.ready or self.challenges.waits
        fault = bool(self.camera.fault or self.camera.unset or self.line.trouble)
        return State(ready, fault, self._keeper.held, self._progress, 0)

    @property
    def ready(self) -> bool:
        """Whether a part that comes now will be judged."""
        return self.not_ready == ""

    @property
    def not_ready(self) -> str:
        """Why no part can be judged now; "" when one can."""
        if self.champion.active is None:
            return "no model is installed"
        if self.camera.fault or self.camera.unset:
            return self.camera.fault or self.camera.unset
        return self.line.trouble or (self.plc.fault if self.plc is not None else "") or self.challenges.why

    def _look(self, at_once: bool = False) -> None:
        model, told = self.champion.active, self.settings.automation
        self.oversight.look(model, told, self.vitals.failing, at_once)

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
        self._models.load_installed(read_slots(self.home.root))
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
        try:
            while not self.channel.closed:
                self.step(_IDLE_S)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of camera, outputs and files; held parts stay held."""
        self._preview.close()
        self.camera.close()
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
        trigger = self._intake.take(self._inspecting())
        if trigger is not None:
            self._judge(trigger, None)
            return True
        self._challenger.judge()
        if self.config.trigger.kind == "continuous" and self.champion.active is not None:
            frame = self.camera.grab(self.clock.monotonic() + wait_s)
            if frame is None or not self.challenges.admits(frame.serial):
                return False
            self._judge(Trigger(frame.at, frame.serial), frame)
            return True
        if (waited := self.channel.receive(wait_s)) is not None:
            self._obey(waited)
        return False

    def _inspecting(self) -> bool:
        """Whether the clock may make parts: not before a model and a camera, nor while a challenge part is due."""
        closed = self.challenges.closed and not self.challenges.waits
        return self.champion.active is not None and not closed and self.vitals.camera_seen(self.camera)

    def _judge(self, trigger: Trigger, first: Frame | None) -> None:
        model = self.champion.active
        if model is None or not self.challenges.admits(trigger.serial or (first.serial if first else "")):
            self._refuse(trigger, Reason.NOT_READY)
            return
        settings, mode = self.settings, self.oversight.mode
        if settings.automation is not mode:
            settings = replace(settings, automation=mode)
        self._answer(trigger, self.line.inspect(trigger, first, self.camera, model, settings))
        if not self._intake.waiting:
            self._challenger.judge()

    def _refuse(self, trigger: Trigger, reason: Reason) -> None:
        self._answer(trigger, self.line.refuse(trigger, reason))

    def _answer(self, trigger: Trigger, result: Message | None) -> None:
        if trigger.request is not None and result is not None:
            self.channel.send({"to": "ui", "kind": "triggered", "request": trigger.request, **result})

    def _obey(self, message: Message) -> None:
        kind = message.get("kind")
        if kind in ("activate", "revert"):
            self._models.activate(str(message.get("bundle")))
        elif kind == "challenger":
            self._models.challenge(message.get("bundle"))
        elif kind == "review_decided":
            self._keeper.look()
        elif kind == "settings":
            self.settings = self.settings.changed(message)
            self._look(at_once=True)
        elif kind == "look":
            self._look(at_once=True)
        elif kind == "trigger":
            self._intake.hear(message)
        elif kind == "preview":
            self._preview.want(self.champion.active.recipe if self.champion.active is not None else None)
        elif kind == "plc_acted":
            part, went = PlcPart(*message["plc"]), Disposition(message["disposition"])
            self._notes.write(lambda: self.journal.disposed(part, went))

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
        status = {"ready": self.ready, "bundle": self._bundle, "why": self.not_ready, **self.oversight.report()}
        self._keeper.uptime.note(self.ready, self.not_ready)
        if now - self._reported < _REPORT_EVERY_S and status == self._told:
            return
        if status != self._told:
            self.channel.send({"to": "supervisor", "kind": "status", **status})
        self._reported, self._told = now, status
        health = self.health()
        self.channel.send({"to": "uplink", **health})
        self.channel.send({"to": "ui", **health})

    @property
    def _bundle(self) -> str | None:
        return self.champion.active.bundle if self.champion.active is not None else None

    def health(self) -> Message:
        """Return what is sent about once a second.

        Counts since the process started (`parts`, `model_errors`) and since the model was taken (`bundle_parts`,
        `bundle_errors`), latency of the last parts, readiness and why not, model, mode and runtime.
        """
        model = self.champion.active
        return {
            "kind": "health",
            "ready": self.ready,
            "why": self.not_ready,
            "bundle": self._bundle,
            "challenger": self._challenger.model.bundle if self._challenger.model is not None else None,
            "warm": self.champion.warm.bundle if self.champion.warm is not None else None,
            **self.oversight.report(),
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
