"""How the station is doing, in words: from the hot process's reports, the link's and the disk's. Rules only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SILENCE_S = 3.5


@dataclass(frozen=True)
class Report:
    """A message from another process and when it came, in monotonic seconds."""

    at: float
    content: dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """Whether the next part will be inspected; `codes` say why not, for translation, `words` for people."""

    ready: bool
    codes: tuple[str, ...]
    words: str


WORDS = {
    "starting": "the station is starting",
    "silent": "the inspection process does not answer; it is being restarted",
    "no-model": "no model is installed yet; it comes with the first rollout",
    "no-camera": "the camera gives no picture",
    "model-error": "the model fails on the pictures",
    "disk-full": "the disk is full",
    "not-ready": "the station is not ready",
}


def readiness(hot: Report | None, model: bool, now: float) -> Ready:
    """Judge readiness from the latest health report of the hot process."""
    if hot is None:
        return _not("starting")
    if now - hot.at > SILENCE_S:
        return _not("silent")
    if hot.content.get("ready"):
        return Ready(True, (), "ready")
    reason = str(hot.content.get("reason") or "")
    codes = tuple(str(code) for code in hot.content.get("reasons", ())) or ((reason,) if reason else ())
    if not codes:
        return _not("not-ready" if model else "no-model")
    return Ready(False, codes, "; ".join(WORDS.get(code, code) for code in codes))


def _not(code: str) -> Ready:
    return Ready(False, (code,), WORDS[code])
