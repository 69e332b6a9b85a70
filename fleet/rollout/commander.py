"""The commander acts on the rules: plans rollouts, offers stage by stage, judges, completes, aborts.

Every step is one database transaction; messages go out after it. What was committed but not sent is sent again when
the link comes up, so a crash in between costs time, never a device.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from edge_agent.contracts.errors import LinesideError, Rejected, Unavailable
from edge_agent.contracts.messages import ModelRef
from fleet.registry.catalogue import Catalogue
from fleet.rollout import plan, roster
from fleet.rollout.offers import Outgoing, outgoing_of, take_back
from fleet.rollout.orders import Order
from fleet.rollout.steps import advance, expire, join, offer_stage
from fleet.rollout.transitions import Action, DeviceStatus, RolloutState, after_action
from fleet.store.database import Database
from fleet.store.tables import Device, Rollout, RolloutDevice

TICK_S = 0.5
_PAUSE_S = 5.0
JOIN_EVERY_MS = 5_000
"""How often it is looked for devices that were enrolled later."""
_ACTIVE = (RolloutState.RUNNING.value, RolloutState.PAUSED.value)
_log = logging.getLogger("lineside.rollout")


class Commander:
    """Owns all rollouts. `send(topic, payload)` publishes retained; it may lose what the link cannot take.

    `beside` changes desired states for other reasons than a rollout, whenever newcomers are looked for.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        send: Callable[[str, bytes], object],
        now_ms: Callable[[], int],
        beside: Callable[[Session, int], list[Outgoing]] = lambda session, now_ms: [],
    ) -> None:
        self._database, self._catalogue, self._send, self._now_ms = database, catalogue, send, now_ms
        self._beside = beside
        self._lock = threading.RLock()
        self._join_ms = 0
        self._wake, self._stopped, self._send_all = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="commander", daemon=True)

    def start(self) -> None:
        """Begin to tick in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Tick soon: a device has moved."""
        self._wake.set()

    def connected(self) -> None:
        """Send all desired states again soon: the link has come up, and the broker may have forgotten them."""
        self._send_all.set()
        self._wake.set()

    def welcome(self) -> None:
        """Look for newcomers with the next tick: a device was enrolled."""
        self._join_ms = 0
        self._wake.set()

    def plan(self, order: Order, by: str = "") -> Rollout:
        """Start a rollout. Raises Rejected where nothing fits or another one of this model is under way."""
        ref = self._catalogue.find(order.model)
        with self._lock, self._database.begin() as session:
            rollout = self._plan(session, order, ref, by)
        self.wake()
        return rollout

    def _plan(self, session: Session, order: Order, ref: ModelRef, by: str) -> Rollout:
        self._refuse_overlap(session, ref.name)
        number = session.scalar(select(func.count()).select_from(Rollout)) or 0
        devices = roster.in_scope(session, order.where)
        names = plan.stage_names(order.canary, order.stages, len(devices))
        sizes = plan.stage_sizes(names, len(devices))
        seed = number + 1 if order.seed is None else order.seed
        stages = plan.assign(plan.draw(roster.candidates(devices), random.Random(seed)), sizes)
        rollout = _rollout(f"r{number + 1}", ref, order, by, self._now_ms())
        rollout.stages = {"names": names, "sizes": sizes}
        rollout.can_prove = plan.can_prove(sizes[0], len(devices))
        session.add(rollout)
        for device, stage in stages.items():
            row = RolloutDevice(rollout=rollout.id, device=device, stage=stage, status=DeviceStatus.PENDING.value)
            session.add(row)
        return rollout

    def _refuse_overlap(self, session: Session, name: str) -> None:
        other = session.scalars(select(Rollout.id).where(Rollout.name == name, Rollout.state.in_(_ACTIVE))).first()
        if other is not None:
            raise Rejected(f"rollout {other} of {name} is under way; wait for it, or 'fleet rollouts abort {other}'")

    def steer(self, rollout_id: str, action: Action) -> None:
        """Pause, resume, promote or abort. Raises Rejected for an unknown rollout or an impossible step."""
        with self._lock:
            messages: list[Outgoing] = []
            with self._database.begin() as session:
                rollout = session.get(Rollout, rollout_id)
                if rollout is None:
                    raise Rejected(f"no rollout '{rollout_id}'; 'fleet rollouts' lists all")
                rollout.state = after_action(RolloutState(rollout.state), action).value
                if action is Action.ABORT:
                    messages = _abort(session, rollout, "aborted by hand", self._now_ms())
                elif action is Action.PROMOTE:
                    rollout.stage = min(rollout.stage + 1, len(rollout.stages["sizes"]) - 1)
                    rollout.stage_ms = self._now_ms()
            self._publish(messages)
        self.wake()

    def tick(self) -> int:
        """Do what is due in all rollouts; return how many messages went out."""
        with self._lock:
            if not self._due():
                return 0
            messages: list[Outgoing] = []
            with self._database.begin() as session:
                now_ms = self._now_ms()
                rollouts = roster.live(session)
                if now_ms >= self._join_ms:
                    messages += join(session, rollouts, now_ms)
                    messages += self._beside(session, now_ms)
                    self._join_ms = now_ms + JOIN_EVERY_MS
                for rollout in rollouts:
                    expire(session, rollout, now_ms)
                    if rollout.state == RolloutState.RUNNING.value:
                        messages += self._advance(session, rollout, now_ms)
            self._publish(messages)
            return len(messages)

    def _due(self) -> bool:
        """True where something may have to be done; else the writers' lock of the database is left alone."""
        with self._database.read() as session:
            return self._now_ms() >= self._join_ms or roster.busy(session)

    def _advance(self, session: Session, rollout: Rollout, now_ms: int) -> list[Outgoing]:
        messages = offer_stage(session, rollout, now_ms)
        failure = advance(session, rollout, now_ms)
        if failure is None:
            return messages
        rollout.state = after_action(RolloutState(rollout.state), Action.ABORT).value
        return messages + _abort(session, rollout, failure, now_ms)

    def republish(self) -> None:
        """Send every device's desired state again: the broker may have forgotten them."""
        with self._lock:
            with self._database.read() as session:
                devices = session.scalars(
                    select(Device).where(Device.desired.is_not(None), Device.revoked_ms.is_(None))
                )
                messages = [message for device in devices if (message := outgoing_of(device)) is not None]
            self._publish(messages)

    def _publish(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._send(message.topic, message.payload)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(TICK_S)
            self._wake.clear()
            if self._stopped.is_set():
                return
            try:
                if self._send_all.is_set():
                    self._send_all.clear()
                    self.republish()
                self.tick()
            except Unavailable as error:
                _log.warning("rollouts wait: %s", error)
            except (LinesideError, SQLAlchemyError, LookupError, ValueError):
                _log.exception("rollouts wait: a step failed and is tried again")
                self._stopped.wait(_PAUSE_S)


def _rollout(name: str, ref: ModelRef, order: Order, by: str, now_ms: int) -> Rollout:
    settings = order.model_dump(mode="json", exclude={"model", "where"})
    return Rollout(
        id=name,
        name=ref.name,
        release=ref.release,
        version=ref.version,
        bundle=ref.bundle,
        state=RolloutState.RUNNING.value,
        stage=0,
        settings=settings,
        scope=dict(order.where),
        created_by=by,
        created_ms=now_ms,
        stage_ms=now_ms,
    )


def _abort(session: Session, rollout: Rollout, reason: str, now_ms: int) -> list[Outgoing]:
    """Take the release back from exactly the devices that it was offered to, and from no other."""
    rollout.reason, rollout.ended_ms = reason[:500], now_ms
    rows = session.execute(
        select(RolloutDevice, Device)
        .join(Device, Device.id == RolloutDevice.device)
        .where(RolloutDevice.rollout == rollout.id)
    )
    messages = []
    for row, device in rows.all():
        if row.status == DeviceStatus.PENDING.value:
            row.status = DeviceStatus.CANCELLED.value
        elif device.desired is not None and device.desired.get("rollout") == rollout.id:
            messages.append(take_back(session, rollout, row, device, now_ms))
            if DeviceStatus(row.status) not in (DeviceStatus.FAILED, DeviceStatus.REJECTED, DeviceStatus.ROLLED_BACK):
                row.status = DeviceStatus.RESTORING.value
    return messages
