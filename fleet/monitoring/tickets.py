"""Retrain tickets in the database: opened by findings, moved by people and by the trainer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from edge_agent.contracts.errors import Rejected
from fleet.monitoring.causes import Cause
from fleet.monitoring.lifecycle import (
    LIVE,
    TicketHead,
    TicketPolicy,
    TicketState,
    after,
    cooling_until,
    first_state,
    matching,
)
from fleet.store.monitoring_tables import Finding, Ticket

_NOTE_LENGTH = 500


def follow(session: Session, finding: Finding, policy: TicketPolicy, now: int) -> Ticket | None:
    """Give an open finding its ticket: the live one of its kind, or a new one unless that kind cools down there.

    While the ticket is live, its evidence follows its findings; one that cools down is only named by them.
    """
    cause, group = Cause(finding.cause), policy.group(finding.site)
    heads = _heads(session, finding.model, cause)
    live = matching(heads, finding.model, group, cause)
    if live is not None:
        ticket = session.get_one(Ticket, live.id)
    elif now < cooling_until(heads, finding.model, finding.site, cause, policy):
        finding.ticket = _latest(heads, finding.site)
        return None
    else:
        ticket = _opened(session, finding, cause, policy, now)
    finding.ticket = ticket.id
    ticket.evidence = _evidence(ticket.evidence.get("findings", []), finding)
    session.flush()
    return ticket


def _latest(heads: list[TicketHead], site: str) -> str:
    return max((head for head in heads if site in head.sites), key=lambda head: head.changed_ms).id


def _opened(session: Session, finding: Finding, cause: Cause, policy: TicketPolicy, now: int) -> Ticket:
    ticket = Ticket(
        id=f"t-{(session.scalar(select(func.count()).select_from(Ticket)) or 0) + 1:04d}",
        state=first_state(cause, policy).value,
        cause=cause.value,
        mode=policy.mode.value,
        site=finding.site,
        site_group=policy.group(finding.site),
        model=finding.model,
        version=finding.version,
        bundle=finding.bundle,
        evidence={},
        created_ms=now,
        changed_ms=now,
        changed_by="monitoring",
    )
    session.add(ticket)
    return ticket


def _evidence(known: list[dict[str, Any]], finding: Finding) -> dict[str, Any]:
    """Return the evidence of all findings of a ticket, this one brought up to date; the first one leads."""
    one = {
        "finding": finding.id,
        "site": finding.site,
        "text": finding.text,
        "devices": finding.devices,
        "features": finding.features,
        "charts": finding.charts,
        "windows": finding.windows,
        "parts": finding.parts,
        "first_ms": finding.first_ms,
        "last_ms": finding.last_ms,
    }
    places = {item["finding"]: item for item in known} | {finding.id: one}
    items = list(places.values())
    return {
        "findings": items,
        "text": items[0]["text"],
        "sites": sorted({item["site"] for item in items}),
        "devices": sorted({device for item in items for device in item["devices"]}),
        "windows": sum(item["windows"] for item in items),
        "parts": sum(item["parts"] for item in items),
        "first_ms": min(item["first_ms"] for item in items),
        "last_ms": max(item["last_ms"] for item in items),
    }


def _heads(session: Session, model: str, cause: Cause) -> list[TicketHead]:
    rows = session.scalars(select(Ticket).where(Ticket.model == model, Ticket.cause == cause.value))
    return [
        TicketHead(
            row.id,
            TicketState(row.state),
            row.model,
            row.site_group,
            frozenset(row.evidence.get("sites", [row.site])),
            Cause(row.cause),
            row.changed_ms,
        )
        for row in rows
    ]


def act(session: Session, ticket_id: str, action: str, actor: str, body: dict[str, Any], now: int) -> Ticket:
    """Do `approve`, `claim`, `release`, `served` or `dismiss`; the same action twice is no error.

    `body` may hold `note` (a reason) and, for `served`, what came of it (`model`, `version`, `run`). Raises Rejected.
    """
    ticket = find(session, ticket_id)
    target = after_repeatable(ticket, action)
    if target.value != ticket.state:
        ticket.state, ticket.changed_by, ticket.changed_ms = target.value, actor, now
    if note := str(body.get("note", "")):
        ticket.note = note[:_NOTE_LENGTH]
    if action == "served":
        ticket.result = {key: str(value)[:200] for key, value in body.items() if key in ("model", "version", "run")}
    session.flush()
    return ticket


_DONE = {"approve": "approved", "served": "served", "dismiss": "dismissed"}


def after_repeatable(ticket: Ticket, action: str) -> TicketState:
    """Return the state after the action; a repeated one, as after a lost answer, leaves the ticket where it is."""
    state = TicketState(ticket.state)
    if _DONE.get(action) == ticket.state:
        return state
    return after(state, action, Cause(ticket.cause))


def find(session: Session, ticket_id: str) -> Ticket:
    """Return a ticket. Raises Rejected where there is none."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        raise Rejected(f"there is no ticket '{ticket_id[:63]}'; see 'fleet tickets list'")
    return ticket


def listing(session: Session, state: str | None = None, limit: int = 200) -> list[Ticket]:
    """Return tickets, newest first; `state` may be one state, or `live` for all that still wait for something."""
    chosen = select(Ticket).order_by(Ticket.created_ms.desc(), Ticket.id.desc()).limit(limit)
    if state == "live":
        chosen = chosen.where(Ticket.state.in_([one.value for one in LIVE]))
    elif state is not None:
        if state not in set(TicketState):
            raise Rejected(f"no ticket state '{state[:20]}'; use live, {', '.join(TicketState)}")
        chosen = chosen.where(Ticket.state == state)
    return list(session.scalars(chosen))


def as_json(ticket: Ticket) -> dict[str, Any]:
    """Return the ticket as the API shows it."""
    return {
        "id": ticket.id,
        "state": ticket.state,
        "cause": ticket.cause,
        "mode": ticket.mode,
        "site": ticket.site,
        "sites": ticket.evidence.get("sites", [ticket.site]),
        "model": ticket.model,
        "version": ticket.version,
        "bundle": ticket.bundle,
        "created_ms": ticket.created_ms,
        "changed_ms": ticket.changed_ms,
        "changed_by": ticket.changed_by,
        "note": ticket.note,
        "needs_approval": Cause(ticket.cause).needs_person,
        "result": ticket.result,
        "evidence": ticket.evidence,
    }
