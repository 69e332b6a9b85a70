"""What a stage must show before the next one begins: rules without I/O. What is not known holds; it never passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from fleet.rollout.transitions import FAILURES, WAITING, DeviceStatus

ALARM = 20.0
"""Evidence at which a health gate fails: under a healthy model it is reached with a chance of at most 1 in 20, however
often one looks (Ville's inequality)."""
_WORSE = (1.5, 2.0, 4.0, 8.0)


class Verdict(str, Enum):
    """What a gate says."""

    PASS = "pass"
    HOLD = "hold"
    FAIL = "fail"


@dataclass(frozen=True)
class Gate:
    """A gate's answer with what it rests on."""

    name: str
    verdict: Verdict
    reason: str
    value: float | None = None
    limit: float | None = None
    n: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the answer for the database and the API."""
        return {**asdict(self), "verdict": self.verdict.value}


def install_gate(counts: Mapping[DeviceStatus, int], limit: float) -> Gate:
    """Judge the installations of all devices offered so far; `limit` is the tolerated share of failures.

    Silence after the deadline is among the failures; devices that were never reached are left out.
    """
    failed = sum(counts.get(status, 0) for status in FAILURES)
    waiting = sum(counts.get(status, 0) for status in WAITING)
    committed = counts.get(DeviceStatus.COMMITTED, 0)
    n = failed + waiting + committed
    value = failed / n if n else None

    def answer(verdict: Verdict, reason: str) -> Gate:
        return Gate("install", verdict, reason, value, limit, n)

    if value is not None and value > limit:
        return answer(Verdict.FAIL, f"{failed} of {n} devices failed ({value:.1%}), at most {limit:.1%} may")
    if waiting:
        return answer(Verdict.HOLD, f"{waiting} of {n} devices are not settled yet")
    if not committed:
        return answer(Verdict.HOLD, "no device could be reached yet")
    return answer(Verdict.PASS, f"{committed} of {n} devices committed")


def health_gate(failures: float | None, n: float | None, planned: int, limit: float) -> Gate:
    """Judge the parts inspected by the new version: `failures` of `n` had a fault of the machine's, not the part's.

    Passes only with the planned number of parts and a share within `limit`; fails only on evidence that stays valid
    under repeated looks; holds in between, and on whatever is missing or not a number.
    """
    if failures is None or n is None or not (math.isfinite(failures) and math.isfinite(n)) or min(failures, n) < 0:
        return Gate("health", Verdict.HOLD, "no figures yet", None, limit)
    parts, bad = int(n), int(failures)
    value = bad / parts if parts else None
    evidence = excess(bad, parts, limit)
    if evidence >= ALARM:
        return Gate(
            "health", Verdict.FAIL, f"{bad} of {parts} parts failed, at most {limit:.1%} may", value, limit, parts
        )
    if value is None or parts < planned:
        return Gate("health", Verdict.HOLD, f"{parts} parts so far, {planned} are needed", value, limit, parts)
    if value > limit:
        return Gate("health", Verdict.HOLD, f"{bad} of {parts} parts failed: more parts must tell", value, limit, parts)
    return Gate("health", Verdict.PASS, f"{bad} of {parts} parts failed", value, limit, parts)


def unheard_gate() -> Gate:
    """Return the answer for a model that judges beside the champion: no part's fate hangs on it."""
    return Gate("health", Verdict.PASS, "the model judges beside the champion and moves no output")


def excess(failures: int, n: int, limit: float) -> float:
    """Return the evidence that the rate is above `limit`: a mean of likelihood ratios, a test martingale below it."""
    if not 0 < limit < 1 or n <= 0 or failures > n:
        return math.inf if n > 0 and (failures > n or (limit <= 0 and failures > 0)) else 1.0
    logs = []
    for factor in _WORSE:
        rate = min(limit * factor, (1 + limit) / 2)
        logs.append(failures * math.log(rate / limit) + (n - failures) * math.log((1 - rate) / (1 - limit)))
    return math.fsum(math.exp(min(value, 700.0)) for value in logs) / len(logs)


class Move(str, Enum):
    """What the commander does next with a running rollout."""

    WAIT = "wait"
    NEXT_STAGE = "next stage"
    COMPLETE = "complete"
    ABORT = "abort"


@dataclass(frozen=True)
class Decision:
    """The next move and why."""

    move: Move
    reason: str


def decide(install: Gate, health: Gate, soak_left_ms: int, last_stage: bool) -> Decision:
    """Return the next move of a running rollout whose devices of this stage were all offered.

    A failed gate aborts. The last stage ends with its installations; every other one needs soak and health too.
    """
    for gate in (install, health):
        if gate.verdict is Verdict.FAIL:
            return Decision(Move.ABORT, f"gate '{gate.name}': {gate.reason}")
    if install.verdict is Verdict.HOLD:
        return Decision(Move.WAIT, install.reason)
    if last_stage:
        return Decision(Move.COMPLETE, install.reason)
    if soak_left_ms > 0:
        return Decision(Move.WAIT, f"soaking, {math.ceil(soak_left_ms / 1000)} s left")
    if health.verdict is Verdict.HOLD:
        return Decision(Move.WAIT, f"gate '{health.name}': {health.reason}")
    return Decision(Move.NEXT_STAGE, f"{install.reason}; {health.reason}")
