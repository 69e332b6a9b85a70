"""Rollouts: start, follow, steer."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.rollout.orders import Order
from fleet.rollout.parts import parts_shared
from fleet.rollout.roster import counts
from fleet.rollout.transitions import FAILURES, Action
from fleet.store.tables import Rollout, RolloutDevice
from fleet.web.auth import NotFound, Operator, Server, Viewer, audit

router = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"])


def as_json(session: Session, rollout: Rollout) -> dict[str, Any]:
    """Return a rollout with how many devices stand where."""
    numbers = {status.value: number for status, number in sorted(counts(session, rollout.id).items())}
    return {
        "id": rollout.id,
        "model": rollout.name,
        "version": rollout.version,
        "release": rollout.release,
        "bundle": rollout.bundle,
        "state": rollout.state,
        "stage": rollout.stage + 1,
        "stages": _stages(session, rollout),
        "counts": numbers,
        "gates": rollout.gates or {},
        "reason": rollout.reason,
        "strategy": rollout.settings["strategy"],
        "parts": parts_shared(session, rollout),
        "where": rollout.scope,
        "can_prove": rollout.can_prove,
        "created_by": rollout.created_by,
        "created_ms": rollout.created_ms,
        "stage_ms": rollout.stage_ms,
        "ended_ms": rollout.ended_ms,
    }


def _stages(session: Session, rollout: Rollout) -> list[dict[str, Any]]:
    """Return each stage with the devices it adds and how many of them have committed."""
    rows = session.execute(
        select(RolloutDevice.stage, RolloutDevice.status, func.count())
        .where(RolloutDevice.rollout == rollout.id)
        .group_by(RolloutDevice.stage, RolloutDevice.status)
    )
    failures = {status.value for status in FAILURES}
    stages = [
        {"stage": number + 1, "devices": 0, "committed": 0, "failed": 0}
        for number in range(len(rollout.stages["sizes"]))
    ]
    for stage, status, number in rows:
        stages[stage]["devices"] += number
        stages[stage]["committed"] += number if status == "committed" else 0
        stages[stage]["failed"] += number if status in failures else 0
    return stages


@router.get("")
def list_rollouts(context: Server, person: Viewer) -> dict[str, Any]:
    """All rollouts, newest first."""
    with context.database.read() as session:
        rows = session.scalars(select(Rollout).order_by(Rollout.created_ms.desc(), Rollout.id.desc()))
        return {"rollouts": [as_json(session, row) for row in rows]}


@router.post("", status_code=201)
def start(order: Order, context: Server, person: Operator) -> dict[str, Any]:
    """Plan a rollout and begin with its canary."""
    rollout = context.commander.plan(order, person.name)
    with context.database.begin() as session:
        audit(
            session, context.now_ms(), person, "rollout.start", rollout.id, model=rollout.name, version=rollout.version
        )
    return show(rollout.id, context, person)


@router.get("/{rollout_id}")
def show(rollout_id: str, context: Server, person: Viewer) -> dict[str, Any]:
    """One rollout with its devices."""
    with context.database.read() as session:
        rollout = session.get(Rollout, rollout_id)
        if rollout is None:
            raise NotFound(f"no rollout '{rollout_id}'; 'fleet rollouts' lists all")
        rows = session.scalars(
            select(RolloutDevice)
            .where(RolloutDevice.rollout == rollout_id)
            .order_by(RolloutDevice.stage, RolloutDevice.device)
        )
        devices = [
            {
                "device": r.device,
                "stage": r.stage + 1,
                "status": r.status,
                "reason": r.reason,
                "offered_ms": r.offered_ms,
            }
            for r in rows
        ]
        return {**as_json(session, rollout), "devices": devices}


@router.post("/{rollout_id}/{action}")
def steer(rollout_id: str, action: Action, context: Server, person: Operator) -> dict[str, Any]:
    """Pause, resume, promote or abort."""
    if action in (Action.COMPLETE, Action.REOPEN):
        raise NotFound(f"'{action.value}' cannot be asked for; say pause, resume, promote or abort")
    context.commander.steer(rollout_id, action)
    with context.database.begin() as session:
        audit(session, context.now_ms(), person, f"rollout.{action.value}", rollout_id)
    return show(rollout_id, context, person)
