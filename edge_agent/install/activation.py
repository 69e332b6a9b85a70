"""The second half of an update: beside the champion if asked for, into use, watched, and given back.

The pointer moves only after the hot process has loaded the model and judges with it; `last_good` only after probation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from edge_agent.clock import Clock
from edge_agent.contracts.states import UpdateState
from edge_agent.decision.canary import unlike
from edge_agent.home import Home
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.slots import Pointer, Slots, bundle_folder
from edge_agent.install.transitions import CRASHES_MAX, NO_SHARE, Step, Watch, judge, judge_shadow, keeps_warm

S = UpdateState
Send = Callable[[dict[str, Any]], None]

ANSWER_S = 30.0
REVERT_S = 5.0
REPEAT_S = 5.0
FALLBACK_S = 60.0
"""Deaths of the hot process within so many seconds make a committed model give way to the one before."""

_POLL_S = 0.25
_RESTS = "installed for a recipe that is not in force"


class Activation:
    """The work of SHADOW to ROLLING_BACK, and what a settled device still minds. `send` reaches the hot process.

    A model whose recipe is not in force is taken into use without a part: the pointer alone moves.
    """

    def __init__(
        self,
        home: Home,
        journal: InstallJournal,
        clock: Clock,
        send: Send,
        crashes_max: int = CRASHES_MAX,
        recipes: frozenset[str] = frozenset(),
    ) -> None:
        self.home, self.crashes_max = home, crashes_max
        self.pointer = Pointer(home.root, recipes)
        self._journal, self._clock, self._send = journal, clock, send
        self._lock = threading.Lock()
        self._since = clock.monotonic()
        self._asked: float | None = None
        self._running: str | None = None
        self._challenged = False
        self._warmed: str | None = None
        self._compared: dict[tuple[str, str], str] = {}
        self._refused: tuple[str | None, str] | None = None
        self._exits: list[float] = []
        self._exits_counted = 0

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of the hot process or of the supervisor; what does not matter here is ignored."""
        kind, now = message.get("kind"), self._clock.monotonic()
        with self._lock:
            if kind == "activated":
                self._running = message.get("bundle")
            elif kind in ("activate_failed", "challenger_failed"):
                self._refused = (message.get("bundle"), str(message.get("reason", "no reason given")))
            elif kind == "started":
                self._asked = self._warmed = None
            elif kind == "child_exited" and message.get("child") == "hot":
                self._exits.append(now)
                self._running, self._asked = None, now

    def entered(self, record: Record) -> None:
        """Start the clocks of a state anew."""
        with self._lock:
            self._since, self._asked, self._refused = self._clock.monotonic(), None, None
            self._exits_counted = len(self._exits)
            if record.state is S.ACTIVATING:
                self._running = None
        if record.state is S.SHADOW:
            self._journal.begin_probation()
            self._challenged = True
        elif self._challenged and record.state not in (S.READY, S.ACTIVATING):
            self.dismiss()

    def dismiss(self) -> None:
        """Let no challenger judge beside the champion any more."""
        self._challenged = False
        self._send({"to": "hot", "kind": "challenger", "bundle": None})

    def work(self, record: Record) -> Step | float:
        """Do the work of the record's state; a number is the seconds to wait."""
        bundle = record.bundle
        assert bundle is not None
        if record.state is S.READY:
            return self._ready(record, bundle)
        if record.state is S.ROLLING_BACK:
            return self._rolling_back(record, bundle)
        record = self._count_exits(record)
        if record.state is S.SHADOW:
            return self._beside(record, bundle)
        return self._activating(record, bundle) if record.state is S.ACTIVATING else self._probation(record, bundle)

    def settle(self, record: Record) -> Step | None:
        """Finish what a commit left to do; return a step where a committed model must give way after all."""
        if record.state is not S.COMMITTED or not record.model:
            return None
        slots = self.pointer.of(record.model)
        if slots.active is None:
            return None
        if slots.active != slots.last_good:
            self.pointer.change(record.model, Slots.committed)
        asked = self._asked_back(slots, record.bundle)
        if self.pointer.rests(record.model):
            return None
        self._keep_warm(record, slots)
        if asked is not None:
            return asked
        if slots.active == record.bundle and slots.champion_against(slots.active) and self._keeps_dying():
            return Step(S.ROLLING_BACK, f"{self.crashes_max} crashes within {FALLBACK_S:g} s in use", ban=True)
        return None

    def _ready(self, record: Record, bundle: str) -> Step:
        self._withdraw(record, bundle)
        self._journal.begin_probation()
        return Step(S.ACTIVATING)

    def _beside(self, record: Record, bundle: str) -> Step | float:
        assert record.desired is not None
        with self._lock:
            refused = self._refused
        if refused is not None and refused[0] == bundle:
            return Step(S.REJECTED, f"the hot process cannot load it: {refused[1]}", ban=True)
        self._challenged = True
        if record.desired.parts_share > 0 and (why := self._misfit(record.model, bundle)):
            return Step(S.REJECTED, NO_SHARE.format(why))
        self._ask("challenger", bundle, share=record.desired.parts_share)
        parts, errors = self._journal.beside(bundle)
        watch = Watch(self._elapsed(), parts, errors, record.crashes)
        return judge_shadow(watch, record.desired, self.crashes_max) or REPEAT_S

    def _activating(self, record: Record, bundle: str) -> Step | float:
        with self._lock:
            running = self._running
        refused = self._refusal(bundle)
        rests = self.pointer.rests(record.model)
        if running == bundle or rests:
            model = record.desired.model if record.desired else None
            self.pointer.change(record.model, lambda slots: slots.activated(bundle, model.release if model else 0))
            return Step(S.PROBATION, _RESTS if rests else "")
        if refused:
            return refused
        if record.crashes >= self.crashes_max:
            return Step(S.ROLLING_BACK, f"{record.crashes} crashes while activating", ban=True)
        if self._elapsed() > ANSWER_S:
            return Step(S.ROLLING_BACK, f"the hot process did not answer within {ANSWER_S:g} s")
        self._ask("activate", bundle)
        return _POLL_S

    def _probation(self, record: Record, bundle: str) -> Step | float:
        assert record.desired is not None
        slots = self.pointer.of(record.model)
        if slots.active != bundle:
            return Step(S.ROLLING_BACK, "the pointer names another bundle")
        if asked := self._asked_back(slots, bundle):
            return asked
        self._keep_warm(record, slots)
        parts, errors = self._journal.probation(bundle)
        if self.pointer.rests(record.model) and errors <= record.desired.probation.errors_max:
            return Step(S.COMMITTED, f"{_RESTS}; {parts} parts, {errors} model errors")
        watch = Watch(self._elapsed(), parts, errors, record.crashes)
        return self._refusal(bundle) or judge(watch, record.desired.probation, self.crashes_max) or _POLL_S

    def _rolling_back(self, record: Record, bundle: str) -> Step | float:
        champion = self._withdraw(record, bundle).champion_against(bundle)
        if self.pointer.rests(record.model):
            return Step(S.ROLLED_BACK, record.reason)
        with self._lock:
            running = self._running
        if champion is not None:
            self._ask("revert", champion)
        if champion is None or running == champion or self._elapsed() > REVERT_S:
            return Step(S.ROLLED_BACK, record.reason)
        return _POLL_S

    def _refusal(self, bundle: str) -> Step | None:
        with self._lock:
            refused = self._refused
        if refused is None or refused[0] != bundle:
            return None
        return Step(S.ROLLING_BACK, f"the hot process cannot load it: {refused[1]}", ban=True)

    def _withdraw(self, record: Record, bundle: str) -> Slots:
        """Make sure that the pointer does not name the bundle, and return the slots of its recipe."""
        slots = self.pointer.of(record.model)
        if bundle in (slots.active, slots.last_good):
            self.pointer.change(record.model, lambda now: now.reverted(bundle))
        return self.pointer.of(record.model)

    def _count_exits(self, record: Record) -> Record:
        with self._lock:
            new = len(self._exits) - self._exits_counted
            self._exits_counted = len(self._exits)
        for _ in range(new):
            record = self._journal.crashed(record)
        return record

    def _keeps_dying(self) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            self._exits = [moment for moment in self._exits if now - moment <= FALLBACK_S]
            self._exits_counted = min(self._exits_counted, len(self._exits))
            return len(self._exits) >= self.crashes_max

    def _misfit(self, model: str, bundle: str) -> str:
        """Return why a model cannot decide parts beside the one in use, "" where it can."""
        champion = self.pointer.of(model).active
        if champion is not None and (champion, bundle) not in self._compared:
            recipes = [bundle_folder(self.home.root, one).open(one).recipe for one in (champion, bundle)]
            self._compared = {(champion, bundle): unlike(*recipes)}
        return self._compared.get((champion or "", bundle), "")

    def _asked_back(self, slots: Slots, bundle: str | None) -> Step | None:
        """Return the way back where somebody at the station asks for it; a wish about another model is forgotten."""
        wish = self._journal.switch_back()
        if wish is None:
            return None
        self._journal.forget_switch_back()
        back = wish.bundle == bundle == slots.active and slots.champion_against(wish.bundle) is not None
        return Step(S.ROLLING_BACK, f"switched back at the station by {wish.who}: {wish.why}") if back else None

    def _keep_warm(self, record: Record, slots: Slots) -> None:
        """Let the hot process hold the model before, where it shall, and let go of it after another update."""
        wanted = slots.champion_against(slots.active) if slots.active and keeps_warm(record.desired) else None
        if wanted != self._warmed:
            self._warmed = wanted
            self._send({"to": "hot", "kind": "warm", "bundle": wanted})

    def _ask(self, kind: str, bundle: str, **more: float) -> None:
        """Send the request, and again where the hot process was started anew or stays silent."""
        now = self._clock.monotonic()
        with self._lock:
            if self._asked is not None and now - self._asked < REPEAT_S:
                return
            self._asked = now
        self._send({"to": "hot", "kind": kind, "bundle": bundle, **more})

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._since
