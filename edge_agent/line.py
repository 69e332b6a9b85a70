"""One part from its trigger to its output. Everything that can fail here ends in a verdict with a reason."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edge_agent.capture.camera import BEING_SET, Camera
from edge_agent.capture.frame import Frame
from edge_agent.capture.triggers import Trigger
from edge_agent.challenge.watch import Challenges
from edge_agent.challenger import Challenger
from edge_agent.choosing import choose
from edge_agent.clock import Clock
from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.plc import PlcPart
from edge_agent.contracts.verdict import Automation, Reason, Verdict
from edge_agent.decision.identity import ruling_on_identity
from edge_agent.decision.sampling import Keep, PictureClass, Shares
from edge_agent.decision.verdict import Ruling, opinion
from edge_agent.identification import Identification, Identified
from edge_agent.inference.champion import Model
from edge_agent.inference.heatmap import heatmap_png
from edge_agent.inspection import Finding, Inspector
from edge_agent.journal.journal import Decision, Journal, PartKey
from edge_agent.journal.ring import Ring
from edge_agent.keeper import InFlight, Keeper, drive
from edge_agent.outputs.output import Outcome, Output
from edge_agent.unwritten import Unwritten
from edge_agent.vitals import FAILS, Vitals

_CAMERA_SHARE = 0.8
_log = logging.getLogger("lineside.line")


class Line:
    """Judges parts one after the other. `trouble` says why parts cannot be written down; "" while they can.

    `written` hears of each part that a PLC sent, once it is in the journal or at least counted; `challenger` decides
    its share of the parts that were looked at, and is offered the others once their verdict is given.
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
        challenger: Challenger | None = None,
        challenges: Challenges | None = None,
    ) -> None:
        self.trouble = ""
        self._written, self._challenger = written, challenger or Challenger(journal, clock)
        self._journal, self._output, self._keeper, self._ring = journal, output, keeper, ring
        self._vitals, self._clock, self._draws = vitals, clock, draws
        self._boot = str(journal.boot)
        self._challenges = challenges or Challenges(journal, clock, None, lambda why: None)
        self._inspector = Inspector(clock)
        self._identification = Identification(journal, clock)
        self._faults: set[str] = set()
        self._unwritten = Unwritten(journal, clock)

    def refuse(self, trigger: Trigger, reason: Reason) -> dict[str, Any] | None:
        """Reject a part unseen."""
        key = self._begin(trigger)
        if key is None:
            return None
        decision = Decision(Verdict.REJECT, reason, latency_ms=self._since(trigger))
        return self._settle(key, trigger, decision)

    def inspect(
        self,
        trigger: Trigger,
        first: Frame | None,
        camera: Camera,
        model: Model,
        degree: Automation,
        shares: Shares,
    ) -> dict[str, Any] | None:
        """Judge a part and move the output; `first` is its first frame where that was the trigger.

        Returns the part's id, seq, verdict, reason, score and label; None where it could not be written down.
        """
        name = self._challenges.name_of(trigger.serial or (first.serial if first is not None else ""))
        if model.recipe.identity.source != "trigger":
            trigger = replace(trigger, serial="")
        key = self._begin(trigger, name)
        if key is None:
            return None
        allowed_s = model.recipe.deadline_ms / 1e3
        deadline = trigger.at + allowed_s
        self._keeper.watch(InFlight(key, trigger.serial, deadline))
        frames = camera.part_frames(first, trigger.at, model.recipe.views.count, trigger.at + _CAMERA_SHARE * allowed_s)
        finding = self._inspector.inspect(frames, model, degree, deadline, camera.missing)
        told = trigger.serial or (frames[0].serial if frames else "")
        found = self._identification.of(key, told, finding.views, model.recipe.identity, deadline)
        name = name or self._challenges.recognised(key.id, found.serial)
        if name:
            return self._challenge(key, trigger, finding, model, name)
        told_by = self._challenger.decide(key.id, finding, model, degree, deadline)
        finding = self._identified(told_by.finding, found, model, degree, deadline)
        chosen = choose(finding, told_by.model, shares, degree, self._draws.random())
        decision = told_by.signed(self._decision(finding, trigger, model, found.serial))
        if chosen.sample is not None or chosen.image is not None:
            decision = decision._replace(sample=chosen.sample, image=chosen.image)
        result = self._settle(key, trigger, decision, deadline)
        if chosen.kept is not None:
            kept = chosen.kept
            self._ring.keep(key.id, kept.picture, kept.why, self._clock.wall_ms(), kept.data, finding.pictures)
        self._after(decision)
        if result is not None:
            self._challenger.offer(key.id, finding, model)
        return result

    def next_frame(self, camera: Camera, wait_s: float) -> Frame | None:
        """Return the frame that is the next part, None where none comes within `wait_s`; nothing is left undone."""
        now = self._clock.monotonic()
        frame = camera.grab(now)
        if frame is None:
            self.rest()
            frame = camera.grab(now + wait_s)
        return frame

    def rest(self) -> None:
        """Note that the last part's output has moved, now that none follows at once."""
        try:
            if self._journal.note_moved():
                self.trouble = ""
        except Unavailable as error:
            self.trouble = str(error)

    def _challenge(
        self, key: PartKey, trigger: Trigger, finding: Finding, model: Model, name: str
    ) -> dict[str, Any] | None:
        """Reject a challenge part, and see whether the machine knew it; it is in no window and trains nothing."""
        unnamed = finding._replace(ruling=Ruling(Verdict.REJECT, Reason.CHALLENGE), features=None)
        result = self._settle(key, trigger, self._decision(unnamed, trigger, model, ""))
        if result is None:
            return None
        in_time = result["reason"] == Reason.CHALLENGE.value and finding.ruling.reason is not Reason.LATE
        says = opinion(finding.score, model.thresholds) if finding.score is not None and in_time else None
        self._challenges.conclude(key.id, name, says, finding.ruling.reason if in_time else Reason.LATE)
        if finding.picture is not None:
            why = Keep(PictureClass.REJECT, False, 1.0)
            self._ring.keep(key.id, finding.picture, why, self._clock.wall_ms(), views=finding.pictures)
        return {**result, "challenge": name}

    def _identified(
        self, finding: Finding, found: Identified, model: Model, degree: Automation, deadline: float
    ) -> Finding:
        """Return the finding with the verdict that it has once the part's serial is known or missing."""
        late = self._clock.monotonic() > deadline
        ruling = ruling_on_identity(finding.ruling, found.problem, model.recipe.identity, degree, late)
        return finding if ruling is finding.ruling else finding._replace(ruling=ruling)

    def _begin(self, trigger: Trigger, challenge: str = "") -> PartKey | None:
        """Write the trigger down, after what a full disk kept from being written."""
        key = self._record(trigger, challenge)
        if trigger.plc is not None and self._written is not None:
            self._written(trigger.plc)
        return key

    def _record(self, trigger: Trigger, challenge: str) -> PartKey | None:
        also = self._challenges.presented(challenge)
        try:
            self._unwritten.catch_up()
            key = self._journal.trigger(trigger.serial, self._clock.wall_ms(), trigger.plc, trigger.message, also)
        except Unavailable as error:
            self._unwritten.unrecorded(trigger)
            self._unwritable(
                error,
                Outcome(self._boot, 0, trigger.serial, Verdict.REJECT, Reason.DISK_FULL, trigger.plc),
            )
            return None
        self.trouble = ""
        return key

    def mend(self) -> None:
        """While the journal cannot be written, see whether it can be again: a PLC sends no part that would show it."""
        if self.trouble and self._unwritten.is_over():
            self.trouble = ""

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
            finding.detail,
        )

    def _settle(
        self, key: PartKey, trigger: Trigger, decision: Decision, deadline: float = math.inf
    ) -> dict[str, Any] | None:
        """Write the decision, then move the output.

        Nothing moves for a part that the keeper has rejected meanwhile, nor for an accept that a stalled disk has kept
        from being written until the part's time was over: the machine behind the station has rejected it.
        """
        serial = trigger.serial or decision.serial
        outcome = Outcome(self._boot, key.seq, serial, decision.verdict, decision.reason, key.plc, decision.detail)
        try:
            made = self._journal.decide(key, decision, self._clock.wall_ms())
        except Unavailable as error:
            self._unwritten.undecided(key)
            self._unwritable(error, outcome._replace(verdict=Verdict.REJECT, reason=Reason.DISK_FULL, detail=None))
            return None
        self._keeper.watch(None)
        late = decision.verdict is Verdict.ACCEPT and self._clock.monotonic() > deadline
        if made and late:
            self._journal.output_unknown(key.id)
            _log.error("part %d was accepted in time and written down too late: nothing moves for it", key.seq)
        elif made and decision.verdict is not Verdict.REVIEW:
            self._drive(key, outcome)
        verdict, reason = (decision.verdict, decision.reason) if made and not late else (Verdict.REJECT, Reason.LATE)
        shown = {"score": decision.score, "label": decision.label}
        return {"part": key.id, "seq": key.seq, "verdict": verdict.value, "reason": reason.value, **shown}

    def _drive(self, key: PartKey, outcome: Outcome) -> None:
        try:
            drive(self._journal, self._output, key.id, outcome, self._journal.moved)
        except Unavailable as error:
            self.trouble = str(error)
            _log.error("it is not noted whether the output moved for part %d: %s", key.seq, error)

    def _after(self, decision: Decision) -> None:
        """Count, and tell of faults that came or went."""
        others = decision.canary is not None and decision.bundle != decision.canary.champion
        self._vitals.part(decision.reason, decision.latency_ms or 0.0, not others)
        self._fault("model-error", self._vitals.failing, FAILS)
        self._fault("frozen-image", decision.reason is Reason.FROZEN_IMAGE, "the camera repeats the same frame")

    def watch_camera(self, camera: Camera) -> None:
        """Tell the fleet when the camera is lost or not set as the recipe says, and when all is well again."""
        self._fault("camera", bool(camera.fault) and camera.fault != "not started", camera.fault)
        self._fault("camera-settings", camera.unset not in ("", BEING_SET), camera.unset)

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
        this reason, once there is room. It is logged once: a log may lie on the same disk.
        """
        self._keeper.watch(None)
        known, self.trouble = self.trouble == str(error), str(error)
        if not known:
            _log.error("%s", error)
        try:
            self._output.drive(outcome)
        except Unavailable as silent:
            if not known:
                _log.error("%s", silent)
