"""How the station is doing, in words: from the hot process's reports. Rules only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SILENCE_S = 3.5
NOT_STARTED = "not started"
"""What a camera says before it was opened for the first time (`edge_agent.capture.camera`)."""


@dataclass(frozen=True)
class Report:
    """A message from another process and when it came, in monotonic seconds."""

    at: float
    content: dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """Whether the next part will be inspected; `code` says why not, for translation, `words` for people.

    `detail` is what the process that noticed it wrote, for whoever repairs it.
    """

    ready: bool
    code: str
    words: str
    detail: str = ""


WORDS = {
    "starting": "the station is starting",
    "silent": "the inspection process does not answer; it is being restarted",
    "changeover": "the station is changing over to another product",
    "no-recipe": "the product that was asked for cannot be made here",
    "no-model": "no model is installed yet; it comes with the first rollout",
    "camera-starting": "the camera is being opened",
    "no-camera": "the camera gives no picture",
    "camera-settings": "the camera is not set as the recipe says",
    "ended": "the recorded pictures have come to their end",
    "journal": "parts cannot be written down; look at the disk",
    "challenge": "a part with a known answer must be presented",
    "locked": "the station is locked: it judged a part with a known answer wrongly",
    "plc": "the PLC does not answer or stands still",
    "trigger": "the line's broker, from which the triggers come, is away",
    "not-ready": "the station is not ready",
}


def readiness(hot: Report | None, now: float) -> Ready:
    """Judge readiness from the latest health report of the hot process (`edge_agent.agent.Hot.health`)."""
    if hot is None:
        return _not("starting")
    if now - hot.at > SILENCE_S:
        return _not("silent")
    report = hot.content
    if report.get("ready"):
        return Ready(True, "", "ready")
    detail = str(report.get("why") or "")
    if report.get("changeover"):
        return _not("changeover" if detail.startswith("changing over") else "no-recipe", detail)
    if report.get("bundle") is None:
        return _not("no-model", detail)
    if report.get("camera"):
        return _not(_camera(report), detail)
    if report.get("camera_unset"):
        return _not("camera-settings", detail)
    if report.get("challenge") in ("challenge", "locked") and detail.startswith(("challenge part", "locked")):
        return _not(str(report["challenge"]), detail)
    return _not(next((code for code in ("journal", "plc") if report.get(code)), "not-ready"), detail)


def triggered(ready: Ready, trouble: str) -> Ready:
    """Return readiness where triggers come by MQTT; `trouble` says why none can ("" while they can)."""
    return Ready(False, "trigger", WORDS["trigger"], trouble) if ready.ready and trouble else ready


def _camera(report: dict[str, Any]) -> str:
    if report.get("finished"):
        return "ended"
    return "camera-starting" if report["camera"] == NOT_STARTED else "no-camera"


def _not(code: str, detail: str = "") -> Ready:
    return Ready(False, code, WORDS[code], detail)
