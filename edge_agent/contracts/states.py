"""Names of the states of a model update on a device. The transition table is `edge_agent.install.transitions`."""

from __future__ import annotations

from enum import Enum


class UpdateState(str, Enum):
    """Where a device stands with the model it was asked to run."""

    IDLE = "IDLE"
    OFFERED = "OFFERED"
    VERIFIED = "VERIFIED"
    DOWNLOADING = "DOWNLOADING"
    STAGED = "STAGED"
    SELFTEST = "SELFTEST"
    SHADOW = "SHADOW"
    READY = "READY"
    ACTIVATING = "ACTIVATING"
    PROBATION = "PROBATION"
    COMMITTED = "COMMITTED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"
    CANCELLED = "CANCELLED"
    SUPERSEDED = "SUPERSEDED"


SETTLED = frozenset(
    {
        UpdateState.IDLE,
        UpdateState.COMMITTED,
        UpdateState.REJECTED,
        UpdateState.FAILED,
        UpdateState.ROLLED_BACK,
        UpdateState.CANCELLED,
        UpdateState.SUPERSEDED,
    }
)
"""States in which nothing more happens without a new desired state."""

UNSUCCESSFUL = frozenset({UpdateState.REJECTED, UpdateState.FAILED, UpdateState.ROLLED_BACK, UpdateState.ROLLING_BACK})
"""States that count against a rollout."""
