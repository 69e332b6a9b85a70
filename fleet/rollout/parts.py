"""Rollouts in which a model beside the champion decides a share of each device's parts: what was ordered, what came.

The counts are the devices' own, from their last health message: cumulative, named after the bundle, so that a lost
message costs nothing and they stay when the rollout has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge_agent.contracts.counts import CANARY_COUNTS, canary_count
from fleet.rollout.orders import PARTS_SHARE
from fleet.store.tables import Device, Rollout, RolloutDevice

BESIDE = frozenset({"shadow", "canary-parts"})
"""Strategies with which the champion stays in use."""


def share_of(settings: Mapping[str, Any]) -> float:
    """Return the share of the parts that a rollout's model decides beside the champion, 0 for none."""
    if settings["strategy"] != "canary-parts":
        return 0.0
    share = settings.get("parts_share")
    return PARTS_SHARE if share is None else float(share)


def parts_shared(session: Session, rollout: Rollout) -> dict[str, Any] | None:
    """Return the share, how many devices have told of parts, and the sums of their counts; None for other strategies.

    drawn = decided + late + failed; `disputed` are those of the decided of which the champion thought otherwise.
    """
    share = share_of(rollout.settings)
    if not share:
        return None
    told = session.scalars(
        select(Device.health)
        .join(RolloutDevice, RolloutDevice.device == Device.id)
        .where(RolloutDevice.rollout == rollout.id)
    )
    return {"share": share, **summed(told, rollout.bundle)}


def summed(healths: Iterable[Mapping[str, Any] | None], bundle: str) -> dict[str, int]:
    """Return the number of devices that have counted parts of a bundle's share, and their counts added up.

    >>> summed([None, {"counters": {"canary.0123456789ab.drawn": 3, "canary.0123456789ab.late": 1}}], "0123456789abc")
    {'devices': 1, 'drawn': 3, 'decided': 0, 'disputed': 0, 'late': 1, 'failed': 0}
    """
    counters = [health["counters"] for health in healths if health is not None]
    telling = [found for found in counters if canary_count(bundle, "drawn") in found]
    totals = {what: sum(int(found.get(canary_count(bundle, what), 0)) for found in telling) for what in CANARY_COUNTS}
    return {"devices": len(telling), **totals}


def asked_share(device: Device) -> dict[str, Any] | None:
    """Return the same for what one device is asked for now, None where it is asked for no share."""
    desired = device.desired or {}
    if not desired.get("parts_share") or not desired.get("model"):
        return None
    return {"share": desired["parts_share"], **summed([device.health], desired["model"]["bundle"])}
