"""What the journal knows of the update: one current row, every move, the release floor and the banned bundles.

A move is one transaction: the row, the log and the event for the fleet. It is committed before the side effect.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from edge_agent.clock import Clock
from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.events import Fault, Transition
from edge_agent.contracts.messages import Desired, decode
from edge_agent.contracts.states import UpdateState
from edge_agent.install.transitions import Step, Work, is_back, may
from edge_agent.journal import outbox
from edge_agent.journal.database import Database

REASON_MAX = 480
_SEEN = "desired/seen"
_PROBATION_PART = "probation/part"
_BOOT = "installation/boot"
SWITCH_BACK = "installation/switch-back"


class SwitchBack(NamedTuple):
    """The wish to go back from `bundle`, which is in use, to the model before it."""

    bundle: str
    who: str
    why: str


@dataclass(frozen=True)
class Record:
    """Where the update stands. `crashes` counts deaths while activating or on probation, `loops` the ways back."""

    state: UpdateState = UpdateState.IDLE
    reason: str = ""
    generation: int = 0
    desired: Desired | None = None
    bundle: str | None = None
    entered_ms: int = 0
    loops: int = 0
    crashes: int = 0

    @property
    def rollout(self) -> str | None:
        """The rollout that the work belongs to."""
        return self.desired.rollout if self.desired else None

    @property
    def model(self) -> str:
        """Name of the model that the work is about, "" for none."""
        return self.desired.model.name if self.desired and self.desired.model else ""


class InstallJournal:
    """The update's part of the journal, for one boot of the station."""

    def __init__(self, database: Database, boot: UUID, clock: Clock) -> None:
        self.database, self.boot, self._clock = database, boot, clock

    def load(self) -> Record:
        """Return the current row; IDLE where nothing was ever offered."""
        row = self.database.row("read_installation")
        if row is None:
            return Record()
        state, reason, generation, desired, bundle, entered_ms, loops, crashes = row
        wish = decode(Desired, desired.encode()) if desired else None
        return Record(UpdateState(state), reason, generation, wish, bundle, entered_ms, loops, crashes)

    def work(self, record: Record) -> Work:
        """Return what the rules need to judge a new desired state."""
        model = record.desired.model if record.desired else None
        return Work(record.state, record.generation, self.seen(), model, record.rollout)

    def enter(self, record: Record, step: Step) -> Record:
        """Move to the next state; on the way to COMMITTED the release floor rises, with `ban` the bundle is barred."""
        assert may(record.state, step.after), f"{record.state.value} -> {step.after.value} is not in the table"
        loops = record.loops + is_back(record.state, step.after)
        reason = step.reason[:REASON_MAX]
        after = replace(record, state=step.after, reason=reason, loops=loops, entered_ms=self._clock.wall_ms())
        with self.database.transaction():
            self._write(after)
            self._log(record, after)
            if step.ban and record.bundle:
                self.database.run("ban_bundle", bundle=record.bundle, reason=reason)
            if record.state is UpdateState.PROBATION and step.after is UpdateState.COMMITTED:
                self._raise_floor(record)
        return after

    def offer(self, record: Record, desired: Desired) -> Record:
        """Begin the work on a newly desired model."""
        assert desired.model is not None
        fresh = Record(record.state, "", desired.generation, desired, desired.model.bundle)
        return self.enter(fresh, Step(UpdateState.OFFERED))

    def adopt(self, record: Record, desired: Desired) -> Record:
        """Go on as before under a newer generation."""
        return self._rewrite(replace(record, generation=desired.generation, desired=desired))

    def note(self, record: Record, reason: str) -> Record:
        """Say why the work does not get on, without a move."""
        return self._rewrite(replace(record, reason=reason[:REASON_MAX]))

    def crashed(self, record: Record) -> Record:
        """Count a death of the hot process or of the station."""
        return self._rewrite(replace(record, crashes=record.crashes + 1))

    def _rewrite(self, record: Record) -> Record:
        with self.database.transaction():
            self._write(record)
        return record

    def seen(self) -> int:
        """Return the highest generation that ever arrived."""
        return self._counter(_SEEN)

    def see(self, generation: int) -> None:
        """Remember a generation, so that an older one is ignored for ever."""
        if generation > self.seen():
            self._set_counter(_SEEN, generation)

    def floor(self, model: str) -> int:
        """Return the release below which nothing of this model may be installed."""
        row = self.database.row("read_release_floor", model=model)
        return int(row[0]) if row else 0

    def banned(self) -> frozenset[str]:
        """Return the bundles that failed on this device."""
        return frozenset(row[0] for row in self.database.rows("banned_bundles"))

    def begin_probation(self) -> None:
        """Remember the last part judged before the new model."""
        row = self.database.row("last_part")
        self._set_counter(_PROBATION_PART, int(row[0]) if row else 0)

    def probation(self, bundle: str) -> tuple[int, int]:
        """Return the number of parts that the bundle judged since `begin_probation`, and of its errors."""
        row = self.database.row("parts_on_probation", after=self._counter(_PROBATION_PART), bundle=bundle)
        assert row is not None
        return int(row[0]), int(row[1])

    def beside(self, bundle: str) -> tuple[int, int]:
        """Return the number of parts that a challenger judged since `begin_probation`, and of its errors."""
        row = self.database.row("parts_beside", after=self._counter(_PROBATION_PART), bundle=bundle)
        assert row is not None
        return int(row[0]), int(row[1])

    def switch_back(self) -> SwitchBack | None:
        """Return what somebody at the station asks for."""
        row = self.database.row("read_meta", key=SWITCH_BACK)
        if row is None:
            return None
        asked = json.loads(row[0])
        return SwitchBack(str(asked.get("bundle")), str(asked.get("who")), str(asked.get("why")))

    def forget_switch_back(self) -> None:
        """Take the wish as heard."""
        with self.database.transaction():
            self.database.run("drop_meta", key=SWITCH_BACK)

    def is_new_boot(self) -> bool:
        """Return whether the station was started anew since the last call; True the first time."""
        row = self.database.row("read_meta", key=_BOOT)
        if row is not None and row[0] == str(self.boot):
            return False
        with self.database.transaction():
            self.database.run("set_meta", key=_BOOT, value=str(self.boot))
        return True

    def fault(self, code: str, active: bool, detail: str) -> None:
        """Tell the fleet that something broke or is whole again."""
        with self.database.transaction():
            event = Fault(code=code, active=active, detail=detail[:REASON_MAX])
            outbox.append_event(self.database, self.boot, event, self._clock.wall_ms())

    def _write(self, record: Record) -> None:
        self.database.run(
            "write_installation",
            state=record.state.value,
            reason=record.reason,
            generation=record.generation,
            desired=canonical_json(record.desired).decode() if record.desired else None,
            bundle=record.bundle,
            entered_ms=record.entered_ms,
            loops=record.loops,
            crashes=record.crashes,
        )

    def _log(self, before: Record, after: Record) -> None:
        self.database.run(
            "log_installation",
            at_ms=after.entered_ms,
            before=before.state.value,
            after=after.state.value,
            reason=after.reason,
            bundle=after.bundle,
        )
        event = Transition(
            before=before.state,
            after=after.state,
            reason=after.reason,
            generation=after.generation,
            rollout=after.rollout,
            bundle=after.bundle,
        )
        outbox.append_event(self.database, self.boot, event, after.entered_ms)

    def _raise_floor(self, record: Record) -> None:
        model = record.desired.model if record.desired else None
        if model is not None:
            self.database.run("raise_release_floor", model=model.name, release=model.release)

    def _counter(self, name: str) -> int:
        row = self.database.row("read_counter", name=name)
        return int(row[0]) if row else 0

    def _set_counter(self, name: str, value: int) -> None:
        with self.database.transaction():
            self.database.run("set_counter", name=name, value=value)
