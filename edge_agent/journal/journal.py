"""The life of a part in the journal: triggered, decided, driven, and what is made of it after a crash.

Every method is one transaction. Times are milliseconds since 1970, except deadlines, which are on the machine's
monotonic clock in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from edge_agent.contracts.encoding import canonical_json
from edge_agent.contracts.events import Fault
from edge_agent.contracts.messages import Stream
from edge_agent.contracts.plc import Disposition, PlcPart
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.decision.sampling import Sampled
from edge_agent.journal import outbox
from edge_agent.journal.canary import note_drawn, note_opinion
from edge_agent.journal.database import Database
from edge_agent.journal.facts import Decision, PartKey, PartRow, SecondOpinion, decided_event, machine_event


class Journal:
    """What the hot process writes. `boot` is this run of the supervisor."""

    def __init__(self, database: Database, boot: UUID) -> None:
        self.database = database
        self.boot = boot
        self._boot = str(boot)
        self._seq: int | None = None
        self._moved: list[int] = []
        self._in_hand: tuple[int, tuple[str, int, str]] | None = None

    def begin(self, now_ms: int) -> None:
        """Note this boot; to be called once by the supervisor (repeating it does no harm)."""
        with self.database.transaction():
            self.database.run("add_boot", boot=str(self.boot), started_ms=now_ms)

    def recover(self, now_ms: int) -> list[PartRow]:
        """Settle what a killed process left behind, and return the parts that thereby became rejects.

        A trigger without a decision and a review of an earlier boot become reject/crash; a decision whose
        output is not known to have moved is marked `unknown` and never driven again.
        """
        database = self.database
        with database.transaction():
            lost = [row[0] for row in database.rows("undecided_parts")]
            held = [row[0] for row in database.rows("reviews_of_other_boots", boot=str(self.boot))]
            for part in lost:
                self._decide(part, Decision(Verdict.REJECT, Reason.CRASH), now_ms)
            for part in held:
                database.run("close_review", part=part, state="lost")
                self.finish(part, Verdict.REJECT, Reason.CRASH, "", "", now_ms)
            database.run("lose_outputs")
            return [self.part(part) for part in lost + held]

    def trigger(
        self,
        serial: str,
        now_ms: int,
        plc: PlcPart | None = None,
        message: str = "",
        also: Callable[[int], None] | None = None,
    ) -> PartKey:
        """Write down that a part has come, and as which one a PLC sent it; from here on it has exactly one verdict.

        It is counted (tally `parts`) with its verdict. `message` is the id of the message that asked for it, "" where
        there was none; `also` writes more about the part in the same transaction. Only one process counts parts, so
        the next number is kept in memory.
        """
        database = self.database
        with database.transaction():
            seq = self._last_seq() + 1
            self._note_moved()
            part = database.insert("add_part", boot=self._boot, seq=seq, serial=serial, triggered_ms=now_ms)
            if plc is not None:
                database.run("add_plc_part", part=part, run=plc.run, sequence=plc.sequence)
            if message:
                database.run("add_part_message", part=part, message=message)
            if also is not None:
                also(part)
        self._seq, self._in_hand = seq, (part, (self._boot, seq, serial))
        self._moved.clear()
        return PartKey(part, self.boot, seq, plc)

    def last_messages(self, limit: int) -> list[str]:
        """Return the ids of the last messages that asked for a part, of whatever boot, the oldest first."""
        return [str(row[0]) for row in self.database.rows("last_part_messages", limit=limit)][::-1]

    def plc_part(self, part_id: int) -> PlcPart | None:
        """Return as which part a PLC sent it."""
        row = self.database.row("plc_part", part=part_id)
        return PlcPart(*row) if row else None

    def last_plc_part(self) -> PlcPart | None:
        """Return the last part that a PLC sent, of whatever boot."""
        row = self.database.row("last_plc_part")
        return PlcPart(*row) if row else None

    def disposed(self, part: PlcPart, disposition: Disposition) -> None:
        """Note what the PLC says it did with a part; what it said first holds."""
        with self.database.transaction():
            self.database.run("dispose_plc_part", run=part.run, sequence=part.sequence, disposition=int(disposition))

    def dispositions(self) -> dict[Disposition, int]:
        """Return how many of the PLC's parts went where, by its own word."""
        return {Disposition(number): count for number, count in self.database.rows("plc_dispositions")}

    def _last_seq(self) -> int:
        if self._seq is None:
            row = self.database.row("last_seq", boot=self._boot)
            self._seq = int(row[0]) if row else 0
        return self._seq

    def decide(self, part: PartKey, decision: Decision, now_ms: int) -> bool:
        """Write the decision and its outbox row in one transaction; then, and only then, may the output move.

        False where the part already had one: then nothing was written, and the output must not move.
        """
        with self.database.transaction():
            return self._decide(part.id, decision, now_ms)

    def driven(self, part_id: int) -> None:
        """Note that the output has moved for this part."""
        with self.database.transaction():
            self.database.run("drive_part", id=part_id)

    def moved(self, part_id: int) -> None:
        """Remember that the output has moved for this part: the next trigger notes it, or `note_moved` before that.

        A transaction of its own would cost a part that follows at once a fifth of the journal's time. Killed in
        between, the part is `unknown`, as one that is killed between output and note always was.
        """
        self._moved.append(part_id)

    def note_moved(self) -> bool:
        """Note what `moved` remembers, now that no part follows at once; False where there is nothing."""
        if not self._moved:
            return False
        with self.database.transaction():
            self._note_moved()
        self._moved.clear()
        return True

    def _note_moved(self) -> None:
        for part in self._moved:
            self.database.run("drive_part", id=part)

    def output_unknown(self, part_id: int) -> None:
        """Note that nobody can say whether the output moved for this part."""
        with self.database.transaction():
            self.database.run("lose_output", id=part_id)

    def _decide(self, part: int, decision: Decision, now_ms: int) -> bool:
        row = self._triggered(part)
        if row is None:
            return False
        verdict, reason = decision.verdict.value, decision.reason.value
        final = None if decision.verdict is Verdict.REVIEW else verdict
        x, y = decision.peak or (None, None)
        decided = self.database.run(
            "decide_part",
            id=part,
            verdict=verdict,
            final=final,
            reason=reason,
            label=decision.label,
            score=decision.score,
            peak_x=x,
            peak_y=y,
            bundle=decision.bundle,
            latency_ms=decision.latency_ms,
            decided_ms=now_ms,
            image=decision.image,
            features=decision.features,
        )
        if not decided:
            return False
        if decision.serial:
            self.database.run("name_part", id=part, serial=decision.serial)
        if decision.detail is not None:
            self.database.run("add_part_detail", part=part, detail=decision.detail.value)
            self.database.run("raise_tally", name=f"detail.{decision.detail.value}", by=1)
        if decision.sample is not None:
            self._draw(part, decision.sample)
        if decision.canary is not None:
            note_drawn(self.database, part, decision.canary)
        if final is None:
            self._open_review(part, decision, now_ms)
        else:
            names = {"second": f"final.{final}", "third": f"reason.{reason}"}
            self.database.run("raise_three_tallies", first="parts", **names)
            payload = canonical_json(machine_event(row, decision))
            outbox.append(self.database, self._boot, Stream.EVENT, payload, now_ms)
        return True

    def _triggered(self, part: int) -> tuple[Any, ...] | None:
        """Return boot, seq and serial as the trigger wrote them: the last one's from memory, a look-up less."""
        if self._in_hand is not None and self._in_hand[0] == part:
            return self._in_hand[1]
        return self.database.row("undecided_part", id=part)

    def _draw(self, part: int, drawn: Sampled) -> None:
        self.database.run(
            "add_sample",
            part=part,
            opinion=drawn.opinion.value,
            scheme=drawn.scheme.value,
            probability=drawn.probability,
            training=int(drawn.training),
        )

    def _open_review(self, part: int, decision: Decision, now_ms: int) -> None:
        assert decision.review_until is not None, "a review needs a deadline"
        self.database.run(
            "open_review", part=part, opened_ms=now_ms, deadline_mono=decision.review_until, heatmap=decision.heatmap
        )
        self.database.run("raise_two_tallies", first="parts", second="verdict.review")

    def finish(self, part: int, final: Verdict, reason: Reason, operator: str, label: str, now_ms: int) -> bool:
        """Give a held part its final verdict, within the caller's transaction; False if it already had one."""
        changed = self.database.run(
            "finish_part",
            id=part,
            final=final.value,
            reason=reason.value,
            operator=operator,
            label=label,
        )
        if changed:
            self._announce(part, now_ms)
        return bool(changed)

    def _announce(self, part: int, now_ms: int) -> None:
        row = self.part(part)
        self.database.run("raise_two_tallies", first=f"final.{row.final}", second=f"reason.{row.reason}")
        outbox.append_event(self.database, self.boot, decided_event(row), now_ms)

    def knows(self, serial: str, part: PartKey, within: int, any_verdict: bool) -> bool:
        """Return whether one of the `within` parts before this one had its serial and was accepted or may still be.

        `any_verdict`: whether one had it and was decided at all. Parts are counted, not days: a wrong clock matters
        to nobody.
        """
        since = part.id - within
        return self.database.row("serial_before", serial=serial, part=part.id, since=since, any=any_verdict) is not None

    def second_opinion(self, part_id: int, opinion: SecondOpinion) -> None:
        """Write down what the challenger thinks of a part that the champion has judged."""
        with self.database.transaction():
            note_opinion(self.database, part_id, opinion)

    def raise_tally(self, name: str, by: int = 1) -> None:
        """Count something that is no part, such as `trigger.bounced`."""
        with self.database.transaction():
            self.database.run("raise_tally", name=name, by=by)

    def fault(self, code: str, active: bool, detail: str, now_ms: int) -> None:
        """Tell the fleet that something on the station broke or is whole again."""
        with self.database.transaction():
            event = Fault(code=code, active=active, detail=detail[:500])
            outbox.append_event(self.database, self.boot, event, now_ms)
            if active:
                self.database.run("raise_tally", name=f"fault.{code}", by=1)

    def part(self, part_id: int) -> PartRow:
        """Return one part."""
        row = self.database.row("part_fields", id=part_id)
        assert row is not None
        return PartRow(*row)

    def recent(self, limit: int) -> list[PartRow]:
        """Return the latest parts, newest first."""
        return [PartRow(*row) for row in self.database.rows("recent_parts", limit=limit)]

    def tallies(self) -> dict[str, int]:
        """Return the cumulative counts: `parts`, `final.accept`, `reason.late`, …"""
        return dict(self.database.rows("read_tallies"))


__all__ = ["Decision", "Journal", "PartKey", "PartRow"]
