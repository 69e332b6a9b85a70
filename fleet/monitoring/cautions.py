"""What live tickets ask of stations: more audited parts, and that people decide where the model is mistrusted.

Rules only; `fleet.monitoring.demands` reads the tickets and asks the devices. One who is asked already is asked no
second time: the caution that a device has stays word for word until its ticket is closed.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from edge_agent.contracts.messages import Caution
from edge_agent.contracts.strict import Strict
from fleet.monitoring.causes import Cause

_REASON_LENGTH = 400


class CautionPolicy(Strict):
    """What a live ticket asks of the stations at its sites that judge with the model it is about.

    `audit`: the share of all judged parts that people answer for afterwards, whatever the ticket's cause. `demote`:
    stations whose parts have drifted let people decide, until they are promoted; never for camera and light.
    """

    audit: Annotated[float, Field(ge=0, le=1)] = 0.05
    demote: bool = True


@dataclass(frozen=True)
class Suspicion:
    """A finding that has a live ticket. `devices` are those that alarm alone; none: the site does as a whole.

    `lasting` is false once the windows look like training again, while the ticket still waits.
    """

    ticket: str
    site: str
    bundle: str
    cause: Cause
    text: str
    devices: frozenset[str]
    lasting: bool = True


@dataclass(frozen=True)
class Asked:
    """What a device is asked: the share of audited parts, and the caution."""

    audit: float = 0.0
    caution: Caution | None = None


def asked(
    device: str, site: str, held: Set[str], suspicions: Sequence[Suspicion], policy: CautionPolicy, before: Asked
) -> Asked:
    """Return what the live tickets ask of a device; `before` is what it is asked now.

    `held` are the bundles that it judges with: several where it makes several products, so that a changeover asks
    for nothing new. There is one caution at a time, of the oldest ticket.
    """
    here = [one for one in suspicions if one.site == site and one.bundle in held]
    if not here:
        return Asked()
    doubts = [one for one in here if policy.demote and not one.cause.needs_person]
    kept = next((one for one in doubts if _is_kept(before.caution, one)), None)
    if kept is not None:
        return Asked(policy.audit, before.caution)
    about = [one for one in doubts if one.lasting and (not one.devices or device in one.devices)]
    first = min(about, key=lambda one: one.ticket, default=None)
    return Asked(policy.audit, _caution(first) if first is not None else None)


def _is_kept(caution: Caution | None, one: Suspicion) -> bool:
    return caution is not None and (caution.ticket, caution.bundle) == (one.ticket, one.bundle)


def _caution(one: Suspicion) -> Caution:
    return Caution(bundle=one.bundle, reason=one.text[:_REASON_LENGTH], ticket=one.ticket)
