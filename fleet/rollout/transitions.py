"""Where a rollout and each of its devices can stand, and what moves them: tables and rules without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.states import SETTLED, UpdateState


class RolloutState(str, Enum):
    """Where a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"


class Action(str, Enum):
    """What a person, a gate or the last device can do to a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"
    COMPLETE = "complete"
    REOPEN = "reopen"


ROLLOUT_TABLE: dict[tuple[RolloutState, Action], RolloutState] = {
    (RolloutState.RUNNING, Action.PAUSE): RolloutState.PAUSED,
    (RolloutState.RUNNING, Action.PROMOTE): RolloutState.RUNNING,
    (RolloutState.RUNNING, Action.COMPLETE): RolloutState.DONE,
    (RolloutState.RUNNING, Action.ABORT): RolloutState.ABORTED,
    (RolloutState.PAUSED, Action.RESUME): RolloutState.RUNNING,
    (RolloutState.PAUSED, Action.ABORT): RolloutState.ABORTED,
    (RolloutState.DONE, Action.REOPEN): RolloutState.RUNNING,
    (RolloutState.DONE, Action.ABORT): RolloutState.ABORTED,
}


def after_action(state: RolloutState, action: Action) -> RolloutState:
    """Return the state that follows. Raises Rejected where the table has no such edge."""
    following = ROLLOUT_TABLE.get((state, action))
    if following is None:
        possible = [a.value for (s, a) in ROLLOUT_TABLE if s is state and a not in (Action.COMPLETE, Action.REOPEN)]
        raise Rejected(
            f"a rollout that is {state.value} cannot {action.value}; possible: {', '.join(possible) or 'nothing'}"
        )
    return following


class DeviceStatus(str, Enum):
    """Where one device stands within a rollout. The fleet alone knows `TIMED_OUT` and `UNREACHABLE`."""

    PENDING = "pending"
    OFFERED = "offered"
    INSTALLING = "installing"
    COMMITTED = "committed"
    FAILED = "failed"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    TIMED_OUT = "timed_out"
    REVERTED = "reverted"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    RESTORING = "restoring"
    RESTORED = "restored"


D = DeviceStatus
WAITING = frozenset({D.OFFERED, D.INSTALLING})
FAILURES = frozenset({D.FAILED, D.REJECTED, D.ROLLED_BACK, D.TIMED_OUT, D.REVERTED})
"""What counts against the rollout: also silence after the deadline, and a fallback after success."""

_ENDED: dict[UpdateState, DeviceStatus] = {
    UpdateState.REJECTED: D.REJECTED,
    UpdateState.FAILED: D.FAILED,
    UpdateState.ROLLING_BACK: D.ROLLED_BACK,
    UpdateState.ROLLED_BACK: D.ROLLED_BACK,
    UpdateState.CANCELLED: D.CANCELLED,
    UpdateState.SUPERSEDED: D.CANCELLED,
}


@dataclass(frozen=True)
class Place:
    """Where a device stands and what was asked of it: `target` to install, `previous` to go back to.

    `beside`: the target shall judge beside the champion and not instead of it (strategies shadow and canary-parts).
    """

    status: DeviceStatus
    generation: int
    target: str
    revert_generation: int = 0
    previous: str | None = None
    beside: bool = False


@dataclass(frozen=True)
class Sighting:
    """What a device said: a transition (then `running` is not known), or its whole reported state.

    `running` is the bundle in use for the rollout's model, whichever product the station makes at the moment.
    """

    generation: int
    state: UpdateState
    running: str | None = None
    whole: bool = False


def observe(place: Place, seen: Sighting) -> DeviceStatus:
    """Return the device's status after a sighting; whatever is late, repeated or of another generation changes nothing.

    Success is COMMITTED together with the running digest being the desired one, so only a whole report can say so; or,
    beside the champion, SHADOW.
    """
    if place.status is D.RESTORING:
        return _restored(place, seen)
    if seen.generation != place.generation or place.status in (D.PENDING, D.CANCELLED, D.RESTORED):
        return place.status
    if place.status in (D.COMMITTED, D.REVERTED):
        return _after_success(place, seen)
    if place.beside and seen.state is UpdateState.SHADOW:
        return D.COMMITTED
    if seen.whole and seen.state is UpdateState.COMMITTED:
        return D.COMMITTED if seen.running == place.target else place.status
    if seen.state in _ENDED:
        return _ENDED[seen.state]
    if seen.state not in SETTLED and place.status in (D.OFFERED, D.UNREACHABLE):
        return D.INSTALLING
    return place.status


def _restored(place: Place, seen: Sighting) -> DeviceStatus:
    arrived = seen.whole and seen.generation == place.revert_generation and seen.state in SETTLED
    back = place.previous is None or seen.running == place.previous
    return D.RESTORED if arrived and back else place.status


def _after_success(place: Place, seen: Sighting) -> DeviceStatus:
    if _ENDED.get(seen.state) is D.ROLLED_BACK:
        return D.REVERTED
    if seen.whole and seen.state in SETTLED:
        return D.COMMITTED if seen.running == place.target else D.REVERTED
    return place.status


def overdue(status: DeviceStatus, waited_ms: int, deadline_ms: int, was_there: bool) -> DeviceStatus:
    """Return the status after waiting: silence is failure once the deadline is over.

    A device that was offline when the offer went out, and was not heard since, is counted apart (`was_there` False).
    """
    if status not in WAITING or waited_ms < deadline_ms:
        return status
    return D.TIMED_OUT if was_there else D.UNREACHABLE
