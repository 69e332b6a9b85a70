"""The life of a retrain ticket, and when a finding deserves one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.strict import Strict
from fleet.monitoring.causes import Cause


class TicketState(str, Enum):
    """Where a ticket stands."""

    OPEN = "open"
    APPROVED = "approved"
    CLAIMED = "claimed"
    SERVED = "served"
    DISMISSED = "dismissed"


class Mode(str, Enum):
    """Who may start a retraining: only a person, a person's approval, or the fleet itself."""

    MANUAL = "manual"
    ASSISTED = "assisted"
    AUTOMATIC = "automatic"


class TicketPolicy(Strict):
    """How findings become tickets.

    `cooldown_ms` starts when a ticket of the same cause at the same site ended. A model serves many sites, so findings
    of one cause join one ticket, unless `site_groups` (group → sites) keeps some sites apart.
    """

    mode: Mode = Mode.ASSISTED
    cooldown_ms: int = 24 * 3600 * 1000
    site_groups: dict[str, tuple[str, ...]] = {}

    def group(self, site: str) -> str:
        """Return the group of a site, `all` where none is set."""
        return next((group for group, sites in self.site_groups.items() if site in sites), "all")


LIVE = frozenset({TicketState.OPEN, TicketState.APPROVED, TicketState.CLAIMED})
"""States in which a further finding of the same kind joins the ticket instead of opening another."""

ACTIONS: dict[str, tuple[frozenset[TicketState], TicketState]] = {
    "approve": (frozenset({TicketState.OPEN}), TicketState.APPROVED),
    "claim": (frozenset({TicketState.APPROVED}), TicketState.CLAIMED),
    "release": (frozenset({TicketState.CLAIMED}), TicketState.APPROVED),
    "served": (frozenset({TicketState.CLAIMED}), TicketState.SERVED),
    "dismiss": (LIVE, TicketState.DISMISSED),
}
"""What one can do with a ticket: from which states, and into which."""


@dataclass(frozen=True)
class TicketHead:
    """What deduplication looks at."""

    id: str
    state: TicketState
    model: str
    group: str
    sites: frozenset[str]
    cause: Cause
    changed_ms: int


def first_state(cause: Cause, policy: TicketPolicy) -> TicketState:
    """Return the state a new ticket starts in: approved only in automatic mode, and never for camera and light."""
    automatic = policy.mode is Mode.AUTOMATIC and not cause.needs_person
    return TicketState.APPROVED if automatic else TicketState.OPEN


def after(state: TicketState, action: str, cause: Cause) -> TicketState:
    """Return the state after an action. Raises Rejected where the action does not fit, saying what does.

    A ticket about the parts themselves may be claimed without approval: whoever starts the training is the person.
    One about camera or light may not (M14).
    """
    if action not in ACTIONS:
        raise Rejected(f"a ticket knows no '{action}'; use one of {', '.join(ACTIONS)}")
    if action == "claim" and state is TicketState.OPEN and not cause.needs_person:
        return TicketState.CLAIMED
    allowed, target = ACTIONS[action]
    if state in allowed:
        return target
    if action == "claim" and state is TicketState.OPEN:
        raise Rejected(
            f"the ticket's cause is {cause.value}: repair camera and lamp, or say that it stays so with "
            "'fleet tickets approve ID', then train"
        )
    wanted = " or ".join(sorted(one.value for one in allowed))
    raise Rejected(f"the ticket is {state.value}; '{action}' needs one that is {wanted}")


def matching(tickets: Iterable[TicketHead], model: str, group: str, cause: Cause) -> TicketHead | None:
    """Return the live ticket that a finding belongs to, if there is one."""
    same = [t for t in tickets if (t.model, t.group, t.cause) == (model, group, cause) and t.state in LIVE]
    return min(same, key=lambda ticket: ticket.id, default=None)


def cooling_until(tickets: Iterable[TicketHead], model: str, site: str, cause: Cause, policy: TicketPolicy) -> int:
    """Return the time (ms) before which this cause at this site opens no further ticket; 0 if it never had one."""
    ended = [
        ticket.changed_ms + policy.cooldown_ms
        for ticket in tickets
        if (ticket.model, ticket.cause) == (model, cause) and site in ticket.sites and ticket.state not in LIVE
    ]
    return max(ended, default=0)
