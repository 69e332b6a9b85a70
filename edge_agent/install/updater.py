"""The state machine of a model update: takes each state's work, and goes on where a killed device stopped.

One thread runs it. What the next state is follows from `transitions`; every move is journalled by `record` before
its side effect, and every piece of work may be repeated.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_agent.clock import Clock
from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable
from edge_agent.contracts.messages import Desired
from edge_agent.contracts.states import SETTLED, UpdateState
from edge_agent.install.activation import Activation
from edge_agent.install.arrival import Arrival
from edge_agent.install.outcomes import Failed, Interrupted
from edge_agent.install.record import InstallJournal, Record
from edge_agent.install.slots import prune, read_slots
from edge_agent.install.transitions import (
    LOOPS_MAX,
    Move,
    Step,
    after_interruption,
    consider,
    keeps_warm,
    may,
    past_deadline,
    retry_delay,
)

S = UpdateState
Observer = Callable[[Record], None]

SETTLED_WAIT_S = 5.0
WATCHED_WAIT_S = 0.5
"""The same where the model before is held ready: it is asked for by people at the station, who wait."""
LOOK_EVERY_S = 3600.0
"""How often a settled device looks whether the registry is still well."""

_log = logging.getLogger("lineside.install")


@dataclass(frozen=True)
class Wait:
    """Nothing to be done for so many seconds, unless something happens."""

    seconds: float


class Updater:
    """Brings one device to its desired model. `offer` and `hear` may be called from any thread."""

    def __init__(
        self,
        journal: InstallJournal,
        arrival: Arrival,
        activation: Activation,
        clock: Clock,
        clock_suspect: Callable[[], bool],
        observer: Observer = lambda record: None,
    ) -> None:
        self._journal, self._arrival, self._activation = journal, arrival, activation
        self._clock, self._clock_suspect, self._observer = clock, clock_suspect, observer
        self._changed = threading.Condition()
        self._pending: Desired | None = None
        self._stopping, self._nudged = False, False
        self._attempt, self._progress = 0, 0
        self._look_due = clock.monotonic() + LOOK_EVERY_S * random.random()
        self.record = journal.load()

    def offer(self, desired: Desired) -> None:
        """Take a desired state from the network; only the newest counts."""
        with self._changed:
            if self._pending is None or desired.generation >= self._pending.generation:
                self._pending = desired
            self._wake()

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of the hot process or of the supervisor."""
        self._activation.hear(message)
        with self._changed:
            self._wake()

    def stop(self) -> None:
        """Ask `run` to end; a download stops between two pieces."""
        with self._changed:
            self._stopping = True
            self._wake()

    def run(self) -> None:
        """Work until `stop`, beginning with what the last process left behind."""
        self.resume()
        while not self._stopping:
            wait = self._step_or_wait()
            with self._changed:
                if wait is not None and not self._nudged and not self._stopping:
                    self._changed.wait(wait.seconds)
                self._nudged = False

    def _step_or_wait(self) -> Wait | None:
        try:
            return self.step()
        except (Unavailable, sqlite3.Error) as error:
            _log.warning("the journal cannot be used now: %s", error)
            return Wait(1.0)

    def resume(self) -> None:
        """Take up the update where the last process stopped; to be called once, before the first step."""
        record, new_boot = self.record, self._journal.is_new_boot()
        if record.state in (S.ACTIVATING, S.PROBATION) and (new_boot or record.state is S.ACTIVATING):
            record = self._journal.crashed(record)
        self.record = record
        if record.state is not S.SHADOW:
            self._activation.dismiss()
        step = after_interruption(record.state, record.crashes, self._activation.crashes_max)
        if step is not None:
            self._enter(step)
        self._observer(self.record)

    def step(self) -> Wait | None:
        """Do one piece of work: judge what is newly desired, else the work of the current state."""
        try:
            if self._take_pending():
                return None
            outcome = self._late() or self._work()
            if isinstance(outcome, Wait):
                return outcome
            self._enter(outcome)
        except Interrupted:
            return None
        except Rejected as error:
            return self._end(Step(S.REJECTED, str(error)))
        except Failed as error:
            return self._end(Step(S.FAILED, str(error)))
        except (Unavailable, ConfigError) as error:
            return self._retry(str(error))
        except OSError as error:
            return self._end(Step(S.FAILED, f"disk: {error}; see to the station's disk, then offer the release again"))
        return None

    def _end(self, step: Step) -> Wait | None:
        """End the update as far as the table allows it in this state: else give the model back, or try again."""
        for after in (step.after, S.FAILED, S.ROLLING_BACK):
            if self.record.state is not S.COMMITTED and may(self.record.state, after):
                self._enter(Step(after, step.reason))
                return None
        return self._retry(step.reason)

    def interrupted(self) -> bool:
        """Return whether the work at hand should stop where it is."""
        pending = self._pending
        if self._stopping:
            return True
        if pending is None:
            return False
        move = consider(self._journal.work(self.record), pending)
        return move not in (Move.IGNORE, Move.ADOPT)

    def _wake(self) -> None:
        self._nudged = True
        self._changed.notify_all()

    def _take_pending(self) -> bool:
        with self._changed:
            desired = self._pending
        if desired is None:
            return False
        move = consider(self._journal.work(self.record), desired)
        if move is Move.ROLL_BACK:
            return self._make_way(desired)
        with self._changed:
            if self._pending is desired:
                self._pending = None
        if move is Move.IGNORE:
            return False
        self._journal.see(desired.generation)
        self._obey(move, desired)
        return True

    def _obey(self, move: Move, desired: Desired) -> None:
        if move is Move.SUPERSEDE:
            self._enter(Step(S.SUPERSEDED, f"generation {desired.generation} is desired"))
        elif move is Move.CANCEL:
            self._enter(Step(S.CANCELLED, f"generation {desired.generation} desires no model"))
        if move is Move.OFFER or move is Move.SUPERSEDE:
            self._moved(self._journal.offer(self.record, desired))
        else:
            self._moved(self._journal.adopt(self.record, desired))

    def _make_way(self, desired: Desired) -> bool:
        """Bring the champion back before something newer is offered; it stays pending until then."""
        self._journal.see(desired.generation)
        if self.record.state not in (S.ACTIVATING, S.PROBATION):
            return False
        self._enter(Step(S.ROLLING_BACK, f"generation {desired.generation} is desired"))
        return True

    def _late(self) -> Step | None:
        desired = self.record.desired
        if desired is None:
            return None
        return past_deadline(self.record.state, desired, self._clock.wall_ms(), self._clock_suspect())

    def _work(self) -> Step | Wait:
        record = self.record
        if record.state is S.DOWNLOADING and record.loops >= LOOPS_MAX:
            raise Failed(f"media: went back {record.loops} times; last: {record.reason}")
        if record.state in SETTLED:
            return self._settled(record)
        if record.state in (S.SHADOW, S.READY, S.ACTIVATING, S.PROBATION, S.ROLLING_BACK):
            result = self._activation.work(record)
            self.record = self._journal.load()
            return Wait(result) if isinstance(result, float) else result
        return self._arrival.work(record)

    def _settled(self, record: Record) -> Step | Wait:
        step = self._activation.settle(record)
        if step is not None:
            return step
        prune(self._activation.home.root, read_slots(self._activation.home.root).kept)
        if self._clock.monotonic() >= self._look_due:
            self._look_due = self._clock.monotonic() + LOOK_EVERY_S * (0.75 + random.random() / 2)
            self._arrival.look()
        return Wait(WATCHED_WAIT_S if keeps_warm(record.desired) else SETTLED_WAIT_S)

    def _retry(self, reason: str) -> Wait:
        progress = self._arrival.progress(self.record.bundle)
        self._attempt = 0 if progress > self._progress else self._attempt
        self._progress = progress
        delay = retry_delay(self._attempt, random.random())
        self._attempt += 1
        if reason != self.record.reason:
            self.record = self._journal.note(self.record, reason)
            self._observer(self.record)
        return Wait(delay)

    def _enter(self, step: Step) -> None:
        self._moved(self._journal.enter(self.record, step))

    def _moved(self, record: Record) -> None:
        self.record = record
        self._attempt, self._progress = 0, 0
        self._activation.entered(record)
        self._observer(record)
