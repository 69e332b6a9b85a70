"""Whatever happened before a kill, recovery settles every part exactly once and loses no fact."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.journal import outbox, reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "trigger",
                "accept",
                "reject",
                "review",
                "drive",
                "answer",
                "expire",
                "kill",
                "reboot",
                "hold",
                "withdraw",
                "settle",
            ]
        )
    ),
    max_size=40,
)


class Story:
    """Plays steps on a journal and remembers what the gate was told."""

    def __init__(self, path: Path) -> None:
        self.path, self.boots = path, 1
        self.journal = Journal(Database(path), UUID(int=1))
        self.journal.begin(1)
        self.told: list[int] = []

    def play(self, step: str) -> None:
        """Do one thing that a station does, to the oldest part it can be done to."""
        journal = self.journal
        rows = list(reversed(journal.recent(1000)))
        if step == "trigger":
            journal.trigger("s", 1)
        elif step in ("accept", "reject", "review"):
            self._decide(next((r for r in rows if r.verdict is None), None), Verdict(step))
        elif step == "drive":
            row = next((r for r in rows if r.final is not None and r.output == "none"), None)
            if row is not None:
                self.told.append(row.id)
                journal.driven(row.id)
        elif step == "answer" and (held := reviews.waiting(journal)):
            reviews.answer(journal, held[0].part, "ann", Verdict.ACCEPT, "", 2, 0.0)
        elif step == "hold" and (held := reviews.waiting(journal)):
            said = reviews.Said(held[0].part, "bob", Verdict.REJECT, "pit", 2)
            assert reviews.hold(journal, said, 5.0, 0.0) == (reviews.Outcome.HELD, 5.0)
        elif step == "withdraw":
            self._withdraw(next((row for row in rows if reviews.held_by(journal, row.id)), None))
        elif step == "settle":
            reviews.expire(journal, 2, 20.0)
        elif step == "expire":
            reviews.expire(journal, 2, 100.0)
        elif step in ("kill", "reboot"):
            self._restart(step == "reboot")

    def _decide(self, row: object, verdict: Verdict) -> None:
        if row is None:
            return
        from edge_agent.journal.journal import PartKey

        key = PartKey(row.id, UUID(row.boot), row.seq)  # type: ignore[attr-defined]
        self.journal.decide(key, Decision(verdict, Reason.MODEL, review_until=50.0), 2)

    def _withdraw(self, row: object) -> None:
        if row is None:
            return
        part = row.id  # type: ignore[attr-defined]
        assert reviews.withdraw(self.journal, part, "bob", 3, 1.0) is reviews.Withdrawal.WITHDRAWN
        assert self.journal.part(part).final is None

    def _restart(self, reboot: bool) -> None:
        """Forget all that is in memory; a reboot is a new boot id."""
        self.journal.database.close()
        self.boots += reboot
        self.journal = Journal(Database(self.path), UUID(int=self.boots))
        self.journal.begin(self.boots)
        self.journal.recover(3)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_every_part_ends_once_and_every_end_is_one_event(steps: list[tuple[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder) / "j.db")
        for (step,) in steps:
            story.play(step)
        story._restart(True)
        journal = story.journal
        reviews.expire(journal, 4, 0.0)
        assert not journal.database.rows("held_answers_due", now_mono=1e9), "no answer hangs in the air"
        parts = journal.recent(1000)
        assert all(part.final is not None for part in parts)
        assert len(story.told) == len(set(story.told))
        events = [
            (boot, entry.seq, json.loads(entry.payload))
            for boot in outbox.boots(journal.database, Stream.EVENT)
            for entry in outbox.page(journal.database, boot, Stream.EVENT, 0, 10**6)
        ]
        ends = [(e["part_boot"], e["part"], e["final"]) for _, _, e in events if e["kind"] == "decided"]
        assert sorted(ends) == sorted((part.boot, part.seq, part.final) for part in parts)
        for boot in {boot for boot, _, _ in events}:
            seqs = [seq for other, seq, _ in events if other == boot]
            assert seqs == list(range(1, len(seqs) + 1))
        counts = journal.tallies()
        assert counts.get("parts", 0) == len(parts)
        assert counts.get("final.accept", 0) + counts.get("final.reject", 0) == len(parts)
        numbers = [row[1] for row in journal.database.rows("parts_for_window", after=0, limit=10**6)]
        assert numbers == list(range(1, len(parts) + 1))
        journal.database.close()
