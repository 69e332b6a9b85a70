"""The words for what happened to a part. The rules that choose among them live in `edge_agent.decision`."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """What the station says of a part. `REVIEW` is never final: a person or the deadline ends it."""

    ACCEPT = "accept"
    REJECT = "reject"
    REVIEW = "review"


class Reason(str, Enum):
    """Why a verdict was given.

    `NO_ID` and `DUPLICATE_ID` reject or ask a person, as the recipe says. Everything else but `MODEL`, `OPERATOR` and
    `UNSURE` is a failure and rejects.
    """

    MODEL = "model"
    UNSURE = "unsure"
    OPERATOR = "operator"
    TIMEOUT = "timeout"
    CRASH = "crash"
    NO_IMAGE = "no-image"
    BAD_IMAGE = "bad-image"
    FROZEN_IMAGE = "frozen-image"
    MODEL_ERROR = "model-error"
    LATE = "late"
    OVERRUN = "overrun"
    NOT_READY = "not-ready"
    DISK_FULL = "disk-full"
    CHALLENGE = "challenge"
    NO_ID = "no-id"
    DUPLICATE_ID = "duplicate-id"


class Detail(str, Enum):
    """What exactly was wrong where there was no picture of the part, or none that can be judged.

    It stands beside the reasons `bad-image` (the first four) and `no-image` (the others). A receiver takes it as text,
    so that one more breaks nobody.
    """

    BLACK = "black"
    SATURATED = "saturated"
    BLURRED = "blurred"
    TORN = "torn"
    ABSENT = "absent"
    """The camera has not been there since the start."""
    UNPLUGGED = "unplugged"
    """The camera was there and is lost."""
    SILENT = "silent"
    """The camera is there, but no picture came in time."""
    SETTINGS = "settings"
    """The camera is not set as the recipe says."""


ABOUT_ID = frozenset({Reason.NO_ID, Reason.DUPLICATE_ID})
"""Reasons that speak of the part's serial and say nothing of its quality."""


class Automation(str, Enum):
    """How much the machine may decide alone, from nothing to everything."""

    HUMAN = "human"
    SHADOW = "shadow"
    ASSIST = "assist"
    PARTIAL = "partial"
    FULL = "full"
