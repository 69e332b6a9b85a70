"""The model update as one visible table, and the rules that choose among its edges. No I/O.

The updater writes every move into the journal before it does what the new state means, so a device that lost its
power stands in exactly one of these states and goes on from there (docs: design of the device states).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum

from edge_agent.backoff import doubling
from edge_agent.contracts.messages import Desired, ModelRef, Probation, Strategy
from edge_agent.contracts.states import SETTLED, UpdateState

S = UpdateState

_ENDS = frozenset({S.FAILED, S.CANCELLED, S.SUPERSEDED})

TABLE: dict[UpdateState, frozenset[UpdateState]] = {
    S.OFFERED: frozenset({S.VERIFIED, S.COMMITTED, S.REJECTED}) | _ENDS,
    S.VERIFIED: frozenset({S.DOWNLOADING, S.REJECTED}) | _ENDS,
    S.DOWNLOADING: frozenset({S.STAGED, S.REJECTED}) | _ENDS,
    S.STAGED: frozenset({S.SELFTEST, S.DOWNLOADING}) | _ENDS,
    S.SELFTEST: frozenset({S.SHADOW, S.READY, S.REJECTED}) | _ENDS,
    S.SHADOW: frozenset({S.READY, S.REJECTED}) | _ENDS,
    S.READY: frozenset({S.ACTIVATING}) | _ENDS,
    S.ACTIVATING: frozenset({S.PROBATION, S.READY, S.ROLLING_BACK}),
    S.PROBATION: frozenset({S.COMMITTED, S.ROLLING_BACK}),
    S.ROLLING_BACK: frozenset({S.ROLLED_BACK}),
    S.IDLE: frozenset({S.OFFERED}),
    S.COMMITTED: frozenset({S.OFFERED, S.ROLLING_BACK}),
    S.REJECTED: frozenset({S.OFFERED}),
    S.FAILED: frozenset({S.OFFERED}),
    S.ROLLED_BACK: frozenset({S.OFFERED}),
    S.CANCELLED: frozenset({S.OFFERED}),
    S.SUPERSEDED: frozenset({S.OFFERED}),
}
"""From each state to those that may follow it."""

LOOPS_MAX = 3
"""How often one update may go back to an earlier state before it has failed."""

CRASHES_MAX = 3
"""So many deaths of the hot process, or of the station, while a model is on probation are the model's fault."""

NO_SHARE = "canary by parts: {}; use another strategy"
"""Why a model that cannot decide a share of the parts is refused."""

_ORDER = list(TABLE)
_INTERRUPTIBLE = frozenset(state for state, after in TABLE.items() if S.SUPERSEDED in after)


def may(before: UpdateState, after: UpdateState) -> bool:
    """Return whether the table has this edge."""
    return after in TABLE[before]


def is_back(before: UpdateState, after: UpdateState) -> bool:
    """Return whether the edge goes back within one update, so that it counts against `LOOPS_MAX`."""
    return before not in SETTLED and after not in SETTLED and _ORDER.index(after) < _ORDER.index(before)


class Move(str, Enum):
    """What a newly arrived desired state means for the update at hand."""

    IGNORE = "ignore"
    OFFER = "offer"
    ADOPT = "adopt"
    SUPERSEDE = "supersede"
    CANCEL = "cancel"
    ROLL_BACK = "roll back"


@dataclass(frozen=True)
class Work:
    """Where the device stands: `generation` is of the work at hand, `seen` the highest that ever arrived."""

    state: UpdateState
    generation: int
    seen: int
    model: ModelRef | None
    rollout: str | None = None


def consider(work: Work, desired: Desired) -> Move:
    """Judge a desired state from the network, which may be late, repeated or replayed.

    An older generation than the highest seen is ignored even if the broker retained it, and so is the one at work.
    The same release under a newer generation goes on (ADOPT), and so does a settled device for which no model is
    desired, or nothing that its rollout has not asked before: then other settings are meant. Before the activation
    any other update is superseded or cancelled; after it the champion comes back first (ROLL_BACK), then the desired
    state is offered.
    """
    if desired.generation < work.seen or desired.generation == work.generation:
        return Move.IGNORE
    if work.state in SETTLED:
        return Move.ADOPT if desired.model is None or _asked_before(work, desired) else Move.OFFER
    if desired.model is not None and desired.model == work.model and work.state is not S.ROLLING_BACK:
        return Move.ADOPT
    if work.state in _INTERRUPTIBLE:
        return Move.CANCEL if desired.model is None else Move.SUPERSEDE
    return Move.ROLL_BACK


def _asked_before(work: Work, desired: Desired) -> bool:
    return desired.rollout is not None and (desired.rollout, desired.model) == (work.rollout, work.model)


@dataclass(frozen=True)
class Step:
    """The next state and why; `ban` where this device must never try the bundle again."""

    after: UpdateState
    reason: str = ""
    ban: bool = False


def on_offer(
    desired: Desired, model: ModelRef, active: str | None, champion: str | None, banned: Set[str]
) -> Step | None:
    """Return the state that an offer leads to without looking at the registry, or None where it must be verified.

    `active` is in use for the model's recipe; `champion` too, and judges now.
    """
    if model.bundle == active:
        return Step(S.COMMITTED, "already running")
    if model.bundle in banned:
        return Step(S.REJECTED, f"bundle {model.bundle[:12]} failed on this device before; offer another one")
    if desired.strategy is Strategy.SHADOW and champion is None:
        return Step(S.REJECTED, "no model is in use here to judge beside; roll one out with another strategy first")
    return None


def after_selftest(desired: Desired, reason: str) -> Step:
    """Return where a proven model goes: beside the champion where that is asked for, else into use."""
    return Step(S.SHADOW if desired.strategy is Strategy.SHADOW else S.READY, reason)


def after_interruption(state: UpdateState, crashes: int, crashes_max: int = CRASHES_MAX) -> Step | None:
    """Return where an update goes on that the death of this process (or a power cut) left in `state`.

    None means: do the state's work again; all of it may be repeated. An interrupted activation is undone, the champion
    serves, and is tried again until the model must be suspected.
    """
    if state is not S.ACTIVATING:
        return None
    if crashes >= crashes_max:
        return Step(S.ROLLING_BACK, f"interrupted {crashes} times while activating", ban=True)
    return Step(S.READY, "interrupted while activating")


@dataclass(frozen=True)
class Watch:
    """What was seen of a model on probation: seconds of the monotonic clock, parts judged, failures."""

    seconds: float
    parts: int
    errors: int
    crashes: int


def judge(watch: Watch, limits: Probation, crashes_max: int = CRASHES_MAX) -> Step | None:
    """End the probation, or None to go on watching. Silence is no proof: seconds and parts must both be reached."""
    if watch.crashes >= crashes_max:
        return Step(S.ROLLING_BACK, f"{watch.crashes} crashes while on probation", ban=True)
    if watch.errors > limits.errors_max:
        reason = f"{watch.errors} model errors while on probation, at most {limits.errors_max} are allowed"
        return Step(S.ROLLING_BACK, reason, ban=True)
    if watch.seconds >= limits.seconds and watch.parts >= limits.parts:
        return Step(S.COMMITTED, f"{watch.parts} parts, {watch.errors} model errors")
    return None


def judge_shadow(watch: Watch, desired: Desired, crashes_max: int = CRASHES_MAX) -> Step | None:
    """End the time beside the champion: for what went wrong, or for an order to take the model into use.

    Without either it lasts; nothing that the challenger says of good or bad parts ends it here.
    """
    if watch.crashes >= crashes_max:
        return Step(S.REJECTED, f"{watch.crashes} crashes while judging beside the champion", ban=True)
    if watch.errors > desired.probation.errors_max:
        return Step(S.REJECTED, f"{watch.errors} model errors while judging beside the champion", ban=True)
    if desired.strategy is Strategy.SHADOW:
        return None
    return Step(S.READY, f"judged {watch.parts} parts beside the champion")


def keeps_warm(desired: Desired | None) -> bool:
    """Return whether the model before stays in memory until the next update, over restarts too."""
    return desired is not None and desired.strategy is Strategy.BLUE_GREEN


def past_deadline(state: UpdateState, desired: Desired, now_ms: int, clock_suspect: bool) -> Step | None:
    """Give up an update whose deadline has passed before it was activated; a suspect clock ends nothing.

    A model that judges beside the champion has arrived: it stays until it is told otherwise.
    """
    if desired.deadline_ms is None or clock_suspect or now_ms <= desired.deadline_ms:
        return None
    if state not in _INTERRUPTIBLE or state is S.SHADOW:
        return None
    return Step(S.FAILED, f"the deadline passed while {state.value}")


def release_allowed(release: int, floor: int) -> bool:
    """Return whether a signed release may be installed: never one below the last that was committed."""
    return release >= floor


def retry_delay(attempt: int, draw: float) -> float:
    """Return the seconds before the next try (attempt 0 is the first retry); `draw` in [0, 1) spreads a crowd."""
    return doubling(0.5, 60.0, attempt) * (0.5 + draw / 2)
