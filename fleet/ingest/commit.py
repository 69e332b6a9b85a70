"""A batch of messages becomes one transaction: facts, counters, device rows, rollouts and quarantine together."""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.messages import Health, Position, Presence, Reported, Stream
from edge_agent.contracts.topics import Address, parse
from fleet.devices.presence import Seen, after
from fleet.ingest import counting
from fleet.ingest.facts import Fact, Incoming, Streamed, transition_of, understand
from fleet.ingest.ledger import Ledger, Taken
from fleet.rollout.progress import Progress
from fleet.store.alerts import raise_alert
from fleet.store.database import insert
from fleet.store.tables import Counter, Device, Quarantine

_KEPT_BYTES = 64 * 1024


@dataclass
class Outcome:
    """What a committed batch leads to: acknowledgements, and what others may want to look at."""

    acks: dict[Address, dict[tuple[str, Stream], int]] = field(default_factory=lambda: defaultdict(dict))
    moved: bool = False
    windows: int = 0
    events: int = 0
    quarantined: int = 0

    def positions(self, address: Address) -> list[Position]:
        """Return the acknowledgements of one device."""
        return [Position(boot=UUID(boot), stream=stream, seq=seq) for (boot, stream), seq in self.acks[address].items()]


class Batch:
    """Messages taken together into one transaction."""

    def __init__(self, session: Session, messages: Sequence[Incoming], now_ms: int) -> None:
        self._session, self._now_ms = session, now_ms
        self.outcome = Outcome()
        self._tally: Tally[counting.Key] = Tally()
        facts = [fact for message in messages if (fact := self._understood(message)) is not None]
        self._devices = self._load({fact.address.device for fact in facts})
        self._facts = [fact for fact in facts if self._at_home(fact)]
        self._progress = Progress(session, (asked for fact in self._facts for asked in _asked(fact)))

    def run(self) -> Outcome:
        """Store everything and return what follows from it."""
        streams = [(fact, fact.content) for fact in self._facts if isinstance(fact.content, Streamed)]
        ledger = Ledger(self._session, [(f.address.device, s.boot, s.stream.value) for f, s in streams])
        for fact, streamed in streams:
            self._take(ledger, fact, streamed)
        ledger.settle()
        for fact, s in streams:
            reached = ledger.reached(fact.address.device, s.boot, s.stream)
            self.outcome.acks[fact.address][(s.boot, s.stream)] = reached
        for fact in self._facts:
            self._state(fact)
        self._count()
        self._seen({fact.address.device for fact in self._facts if not fact.source.retained})
        return self.outcome

    def _understood(self, message: Incoming) -> Fact | None:
        try:
            return understand(message)
        except Rejected as error:
            self._quarantine(message, _sender(message.topic), str(error))
            return None

    def _load(self, names: set[str]) -> dict[str, Device]:
        wanted = sorted(names)
        found: dict[str, Device] = {}
        for start in range(0, len(wanted), 500):
            rows = self._session.scalars(select(Device).where(Device.id.in_(wanted[start : start + 500])))
            found.update({row.id: row for row in rows})
        return found

    def _at_home(self, fact: Fact) -> bool:
        device = self._devices.get(fact.address.device)
        if device is not None and device.site == fact.address.site:
            return True
        place = "is not enrolled" if device is None else f"belongs to site '{device.site}'"
        self._quarantine(fact.source, fact.address.device, f"device '{fact.address.device}' {place}")
        return False

    def _take(self, ledger: Ledger, fact: Fact, streamed: Streamed) -> None:
        device = fact.address.device
        taken = ledger.take(device, streamed.boot, streamed.stream, streamed.items, fact.source.received_ms)
        if streamed.stream is Stream.WINDOW:
            self.outcome.windows += len(taken.new)
        else:
            self._take_events(device, taken)
        if streamed.problem:
            self._quarantine(fact.source, device, streamed.problem)
        if taken.conflicts:
            numbers = ", ".join(str(seq) for seq in sorted(taken.conflicts)[:5])
            self._quarantine(
                fact.source,
                device,
                f"{streamed.stream.value} {numbers} of boot {streamed.boot} came again with other content",
            )

    def _take_events(self, device: str, taken: Taken) -> None:
        self.outcome.events += len(taken.new)
        self._tally += counting.count(device, [item.event for item in taken.new.values() if item.event is not None])
        for seq in sorted(taken.new):
            transition = transition_of(taken.new[seq])
            if transition is not None:
                self.outcome.moved |= self._progress.transit(device, transition, self._now_ms)

    def _state(self, fact: Fact) -> None:
        device, content = self._devices[fact.address.device], fact.content
        if isinstance(content, Reported):
            _apply_reported(device, content)
            self.outcome.moved |= self._progress.report(device.id, content, self._now_ms)
        elif isinstance(content, Presence):
            known = after(Seen(device.online, device.presence_boot, device.presence_session), content)
            device.online, device.presence_boot, device.presence_session = known.online, known.boot, known.session
        elif isinstance(content, Health):
            device.health = content.model_dump(mode="json")

    def _count(self) -> None:
        if not self._tally:
            return
        rows = [{"device": d, "bundle": b, "name": n, "value": v} for (d, b, n), v in sorted(self._tally.items())]
        statement = insert(self._session, Counter)
        more = {"value": Counter.value + statement.excluded.value}
        keys = ["device", "bundle", "name"]
        self._session.execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)

    def _seen(self, names: set[str]) -> None:
        self._session.flush()
        wanted = sorted(names)
        for start in range(0, len(wanted), 500):
            chosen = Device.id.in_(wanted[start : start + 500])
            self._session.execute(update(Device).where(chosen).values(last_seen_ms=self._now_ms))

    def _quarantine(self, message: Incoming, device: str | None, reason: str) -> None:
        self.outcome.quarantined += 1
        row = {
            "topic": message.topic[:300],
            "device": device,
            "reason": reason[:500],
            "digest": digest_bytes(message.payload),
            "payload": message.payload[:_KEPT_BYTES],
            "received_ms": message.received_ms,
            "times": 1,
        }
        statement = insert(self._session, Quarantine).values(**row)
        again = {"times": Quarantine.times + 1, "reason": statement.excluded.reason}
        self._session.execute(statement.on_conflict_do_update(index_elements=["topic", "digest"], set_=again))
        raise_alert(self._session, "quarantine", device or message.topic[:200], reason, self._now_ms)


def _sender(topic: str) -> str | None:
    """Return the device whose topic it is; None for a topic that no device may have."""
    try:
        return parse(topic)[0].device
    except Rejected:
        return None


def _asked(fact: Fact) -> Iterator[tuple[str, int]]:
    """Yield the device with each generation that a fact speaks of."""
    content = fact.content
    if isinstance(content, Reported):
        yield fact.address.device, content.generation
    elif isinstance(content, Streamed):
        for item in content.items.values():
            if (transition := transition_of(item)) is not None:
                yield fact.address.device, transition.generation


def _apply_reported(device: Device, reported: Reported) -> None:
    device.reported = reported.model_dump(mode="json")
    device.state = reported.state.value
    device.running, device.running_release = reported.running, reported.running_release
    device.generation = reported.generation
