"""One part from its trigger to its output. Everything that can fail here ends in a verdict with a reason."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.capture.camera import Camera
from edge_agent.capture.frame import Frame
from edge_agent.capture.triggers import Trigger
from edge_agent.clock import Clock
from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import ABOUT_ID, Automation, Reason, Verdict
from edge_agent.decision.identity import ruling_on_identity
from edge_agent.decision.sampling import Keep, PictureClass, pictures_to_keep
from edge_agent.identification import Identification, Identified
from edge_agent.inference.champion import Model
from edge_agent.inference.heatmap import encode_png, heatmap_png
from edge_agent.inspection import Finding, Inspector
from edge_agent.journal.journal import Decision, Journal, PartKey
from edge_agent.journal.ring import Ring
from edge_agent.keeper import InFlight, Keeper, drive
from edge_agent.outputs.output import Outcome, Output
from edge_agent.vitals import Vitals

_ERRORS_IN_A_ROW = 3
_CAMERA_SHARE = 0.8
_log = logging.getLogger("lineside.line")


@dataclass(frozen=True)
class Settings:
    """What may change while the station runs: degree of automation, shares of accepts for labelling and to keep."""

    automation: Automation | None
    audit: float
    keep: float

    def changed(self, message: dict[str, Any]) -> Settings:
        """Return the settings after a `settings` message; what it does not name stays, nonsense is ignored."""
        known = {degree.value for degree in Automation}
        wanted, audit = message.get("automation", self.automation), message.get("audit", self.audit)
        degree = Automation(wanted) if wanted in known else self.automation
        valid = isinstance(audit, int | float) and 0.0 <= audit <= 1.0
        return replace(self, automation=degree, audit=float(audit) if valid else self.audit)


@dataclass(frozen=True)
class _Kept:
    """A picture that is kept: why, and, where it is encoded already, its PNG and the name it will have."""

    why: Keep
    picture: npt.NDArray[np.uint8]
    data: bytes | None = None
    named: str | None = None


class Line:
    """Judges parts one after the other. `trouble` says why parts cannot be written down; "" while they can.

    `written` hears of each part that a PLC sent, once it is in the journal or at least counted; `judged` of each part
    that was looked at, with what was found, once its verdict is given.
    """

    def __init__(
        self,
        journal: Journal,
        output: Output,
        keeper: Keeper,
        ring: Ring,
        vitals: Vitals,
        clock: Clock,
        draws: random.Random,
        written: Callable[[PlcPart], None] | None = None,
        judged: Callable[[int, Finding], None] | None = None,
    ) -> None:
        self.trouble = ""
        self._written, self._judged = written, judged
        self._journal, self._output, self._keeper, self._ring = journal, output, keeper, ring
        self._vitals, self._clock, self._draws = vitals, clock, draws
        self._inspector = Inspector(clock)
        self._identification = Identification(journal, clock)
        self._faults: set[str] = set()
        self._undecided: list[PartKey] = []
        self._unrecorded = 0

    def refuse(self, trigger: Trigger, reason: Reason) -> dict[str, Any] | None:
        """Reject a part unseen."""
        key = self._begin(trigger)
        if key is None:
            return None
        decision = Decision(Verdict.REJECT, reason, latency_ms=self._since(trigger))
        return self._settle(key, trigger, decision)

    def inspect(
        self, trigger: Trigger, first: Frame | None, camera: Camera, model: Model, settings: Settings
    ) -> dict[str, Any] | None:
        """Judge a part and move the output; `first` is its first frame where that was the trigger.

        Returns the part's id, seq, verdict, reason, score and label; None where it could not be written down.
        """
        if model.recipe.identity.source != "trigger":
            trigger = replace(trigger, serial="")
        key = self._begin(trigger)
        if key is None:
            return None
        allowed_s = model.recipe.deadline_ms / 1e3
        deadline = trigger.at + allowed_s
        self._keeper.watch(InFlight(key, trigger.serial, deadline))
        frames = camera.part_frames(first, trigger.at, model.recipe.views.count, trigger.at + _CAMERA_SHARE * allowed_s)
        degree = settings.automation or model.recipe.automation
        finding = self._inspector.inspect(frames, model, degree, deadline)
        told = trigger.serial or (frames[0].serial if frames else "")
        found = self._identification.of(key, told, finding.views, model.recipe.identity, deadline)
        finding = self._identified(finding, found, model, degree, deadline)
        kept = self._keep(finding, model, settings)
        decision = self._decision(finding, trigger, model, found.serial)
        if kept is not None and kept.named:
            decision = replace(decision, image=kept.named)
        result = self._settle(key, trigger, decision)
        if kept is not None:
            self._ring.keep(key.id, kept.picture, kept.why, self._clock.wall_ms(), kept.data)
        self._after(decision)
        if result is not None and self._judged is not None:
            self._judged(key.id, finding)
        return result

    def _identified(
        self, finding: Finding, found: Identified, model: Model, degree: Automation, deadline: float
    ) -> Finding:
        """Return the finding with the verdict that it has once the part's serial is known or missing."""
        late = self._clock.monotonic() > deadline
        ruling = ruling_on_identity(finding.ruling, found.problem, model.recipe.identity, degree, late)
        return replace(finding, ruling=ruling)

    def _keep(self, finding: Finding, model: Model, settings: Settings) -> _Kept | None:
        """Return what to do with the part's picture.

        One drawn for labelling is encoded at once, for the event of its verdict must name it; they are few. One that
        is held for its serial stays here: what a person says of it is no label for a model.
        """
        if finding.picture is None:
            return None
        shares, draw = (settings.audit, settings.keep), self._draws.random()
        why = pictures_to_keep(finding.ruling.verdict, finding.score, model.thresholds, shares, draw)
        if why is not None and finding.ruling.reason in ABOUT_ID:
            why = replace(why, upload=False)
        if why is None or why.kind is not PictureClass.AUDIT:
            return None if why is None else _Kept(why, finding.picture)
        data = encode_png(finding.picture)
        return _Kept(why, finding.picture, data, digest_bytes(data))

    def _begin(self, trigger: Trigger) -> PartKey | None:
        """Write the trigger down, after what a full disk kept from being written."""
        key = self._record(trigger)
        if trigger.plc is not None and self._written is not None:
            self._written(trigger.plc)
        return key

    def _record(self, trigger: Trigger) -> PartKey | None:
        try:
            self._catch_up()
            key = self._journal.trigger(trigger.serial, self._clock.wall_ms(), trigger.plc, trigger.message)
        except Unavailable as error:
            self._unrecorded += 1
            self._unwritable(
                error,
                Outcome(str(self._journal.boot), 0, trigger.serial, Verdict.REJECT, Reason.DISK_FULL, trigger.plc),
            )
            return None
        self.trouble = ""
        return key

    def _catch_up(self) -> None:
        while self._undecided:
            key = self._undecided[0]
            if self._journal.decide(key, Decision(Verdict.REJECT, Reason.DISK_FULL), self._clock.wall_ms()):
                self._journal.driven(key.id)
            self._undecided.pop(0)
        if self._unrecorded:
            self._journal.raise_tally("part.unrecorded", self._unrecorded)
            self._unrecorded = 0

    def _since(self, trigger: Trigger) -> float:
        return (self._clock.monotonic() - trigger.at) * 1e3

    def _decision(self, finding: Finding, trigger: Trigger, model: Model, serial: str) -> Decision:
        ruling = finding.ruling
        review = ruling.verdict is Verdict.REVIEW
        now = self._clock.monotonic()
        return Decision(
            ruling.verdict,
            ruling.reason,
            finding.label,
            finding.score,
            finding.peak,
            model.bundle,
            (now - trigger.at) * 1e3,
            None,
            finding.features,
            now + model.recipe.review_deadline_ms / 1e3 if review else None,
            heatmap_png(finding.heatmap) if review and finding.heatmap is not None else None,
            serial if serial != trigger.serial else "",
        )

    def _settle(self, key: PartKey, trigger: Trigger, decision: Decision) -> dict[str, Any] | None:
        """Write the decision, then move the output; nothing moves for a part the keeper has rejected meanwhile."""
        serial = trigger.serial or decision.serial
        outcome = Outcome(str(key.boot), key.seq, serial, decision.verdict, decision.reason, key.plc)
        try:
            made = self._journal.decide(key, decision, self._clock.wall_ms())
        except Unavailable as error:
            self._undecided.append(key)
            self._unwritable(error, replace(outcome, verdict=Verdict.REJECT, reason=Reason.DISK_FULL))
            return None
        self._keeper.watch(None)
        if made and decision.verdict is not Verdict.REVIEW:
            self._drive(key, outcome)
        verdict, reason = (decision.verdict, decision.reason) if made else (Verdict.REJECT, Reason.LATE)
        shown = {"score": decision.score, "label": decision.label}
        return {"part": key.id, "seq": key.seq, "verdict": verdict.value, "reason": reason.value, **shown}

    def _drive(self, key: PartKey, outcome: Outcome) -> None:
        try:
            drive(self._journal, self._output, key.id, outcome)
        except Unavailable as error:
            self.trouble = str(error)
            _log.error("it is not noted whether the output moved for part %d: %s", key.seq, error)

    def _after(self, decision: Decision) -> None:
        """Count, and tell of faults that came or went."""
        self._vitals.part(decision.reason, decision.latency_ms or 0.0)
        self._fault("model-error", self._vitals.errors_in_a_row >= _ERRORS_IN_A_ROW, "the model fails on every part")
        self._fault("frozen-image", decision.reason is Reason.FROZEN_IMAGE, "the camera repeats the same frame")

    def watch_camera(self, camera: Camera) -> None:
        """Tell the fleet when the camera is lost and when it is back."""
        self._fault("camera", bool(camera.fault) and camera.fault != "not started", camera.fault)

    def _fault(self, code: str, active: bool, detail: str) -> None:
        if active == (code in self._faults):
            return
        try:
            self._journal.fault(code, active, detail if active else "", self._clock.wall_ms())
        except Unavailable as error:
            self.trouble = str(error)
            return
        (self._faults.add if active else self._faults.discard)(code)

    def _unwritable(self, error: Unavailable, outcome: Outcome) -> None:
        """Without a journal the station is not ready, and the part in hand must not be taken for a good one.

        This is the one pulse that is not in the journal before it happens; the part is written down, as a reject for
        this reason, or at least counted, once there is room.
        """
        self._keeper.watch(None)
        self.trouble = str(error)
        _log.error("%s", error)
        try:
            self._output.drive(outcome)
        except Unavailable as silent:
            _log.error("%s", silent)
