"""The courier over a real journal: order, repeats, refusals, faults, and where a new receiver begins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from edge_agent.clock import Clock
from edge_agent.contracts.errors import Rejected, Unavailable
from edge_agent.contracts.line_messages import Notice
from edge_agent.contracts.verdict import Detail, Reason, Verdict
from edge_agent.journal import reviews
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.journal.rescue import rescue
from edge_agent.outputs.courier import Courier
from edge_agent.outputs.delivery import FAILURES_UNTIL_FAULT, REFUSALS_MAX
from tests.conftest import wait_for

BOOT = UUID(int=5)


class Shop:
    """A receiver that does what the test says."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.mood: Callable[[Notice], Exception | None] = lambda notice: None
        self.asked = 0

    def tell(self, notice: Notice) -> None:
        self.asked += 1
        if (error := self.mood(notice)) is not None:
            raise error
        self.told.append(notice)

    def close(self) -> None:
        pass

    @property
    def seqs(self) -> list[int]:
        return [notice.seq for notice in self.told]


def away(notice: Notice) -> Exception:
    return Unavailable("HTTP 500")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(Database(tmp_path / "journal.db"), BOOT)
    journal.begin(0)
    yield journal
    journal.database.close()


def courier(journal: Journal, shop: Shop, name: str = "mes", boot: UUID | None = None) -> Courier:
    return Courier(name, Journal(Database(journal.database.path), boot or journal.boot), shop, draw=lambda: 0.5)


def judge(journal: Journal, parts: int = 1, verdict: Verdict = Verdict.ACCEPT, **trigger: str) -> None:
    for _ in range(parts):
        key = journal.trigger(trigger.get("serial", ""), 1, message=trigger.get("message", ""))
        until = 1e9 if verdict is Verdict.REVIEW else None
        journal.decide(key, Decision(verdict, Reason.MODEL, "ok", 0.25, review_until=until), 1_000)


def faults(journal: Journal) -> int:
    return journal.tallies().get("fault.output-mes", 0)


def test_every_finished_part_is_told_in_the_order_in_which_it_was_finished(journal: Journal) -> None:
    shop = Shop()
    post = courier(journal, shop)
    judge(journal, serial="S1", message="m1")
    judge(journal, verdict=Verdict.REVIEW)
    judge(journal, verdict=Verdict.REJECT)
    assert post.step() > 0
    assert [(n.seq, n.verdict, n.serial, n.id) for n in shop.told] == [(1, "accept", "S1", "m1"), (3, "reject", "", "")]
    assert (shop.told[0].boot, shop.told[0].at, shop.told[0].score) == (str(BOOT), "1970-01-01T00:00:01.000Z", 0.25)
    reviews.expire(journal, 2, 2e9)
    post.step()
    assert [(n.seq, n.reason) for n in shop.told][2:] == [(2, "timeout")]
    post.step()
    assert len(shop.told) == 3
    post.close(0)


def test_a_receiver_that_is_away_for_long_gets_everything_and_one_fault_is_told(journal: Journal) -> None:
    shop = Shop()
    post = courier(journal, shop)
    shop.mood = away
    pauses = []
    for _ in range(FAILURES_UNTIL_FAULT + 6):
        judge(journal, 10)
        pauses.append(post.step())
    assert pauses == sorted(pauses)
    assert (post.problem, faults(journal), shop.asked) == ("HTTP 500", 1, FAILURES_UNTIL_FAULT + 6)
    shop.mood = lambda notice: None
    while post.step() == 0:
        pass
    assert shop.seqs == list(range(1, 10 * (FAILURES_UNTIL_FAULT + 6) + 1))
    assert (post.problem, faults(journal)) == ("", 1)
    assert journal.database.row("read_counter", name="output-fault/mes") == (0,)
    post.close(0)


def test_a_part_that_is_refused_is_skipped_counted_and_told(journal: Journal) -> None:
    shop = Shop()
    post = courier(journal, shop)
    shop.mood = lambda notice: Rejected("HTTP 422") if notice.seq == 2 else None
    judge(journal, 4)
    for _ in range(REFUSALS_MAX):
        post.step()
    assert shop.seqs == [1, 3, 4]
    assert shop.asked == 3 + REFUSALS_MAX
    assert journal.tallies()["output.mes.skipped"] == 1
    assert faults(journal) == 1
    post.close(0)


def test_the_next_process_goes_on_where_the_last_one_was(journal: Journal) -> None:
    shop = Shop()
    first = courier(journal, shop)
    judge(journal, 3)
    first.step()
    first.close(0)
    judge(journal, 2)
    second = courier(journal, shop, boot=uuid4())
    second.step()
    assert shop.seqs == [1, 2, 3, 4, 5]
    second.close(0)


def test_the_cursor_is_written_now_and_then_and_a_killed_process_repeats_what_came_since(journal: Journal) -> None:
    shop, now = Shop(), [0.0]
    clock = Clock(monotonic=lambda: now[0])
    killed = Courier("mes", Journal(Database(journal.database.path), BOOT), shop, clock)
    for now[0] in (0.1, 0.2, 0.6, 0.7, 0.8):
        judge(journal)
        killed.step()
    killed._journal.database.close()
    heir = courier(journal, shop)
    heir.step()
    assert shop.seqs == [1, 2, 3, 4, 5, 4, 5]
    assert shop.told[3].encode() == shop.told[5].encode()
    heir.close(0)


def test_a_new_receiver_hears_of_this_start_only_and_of_all_of_it(journal: Journal) -> None:
    judge(journal, 5)
    now = Journal(journal.database, uuid4())
    judge(now, 2)
    shop = Shop()
    post = courier(now, shop)
    post.step()
    assert [notice.boot for notice in shop.told] == [str(now.boot)] * 2
    post.close(0)


def test_receivers_do_not_wait_for_each_other(journal: Journal) -> None:
    good, bad = Shop(), Shop()
    bad.mood = away
    posts = [courier(journal, bad, "a"), courier(journal, good, "b")]
    judge(journal, 3)
    for post in posts:
        post.step()
        post.close(0)
    assert (good.seqs, bad.seqs) == ([1, 2, 3], [])


def test_after_a_rescue_that_lost_parts_new_ones_are_told(journal: Journal, tmp_path: Path) -> None:
    shop = Shop()
    post = courier(journal, shop)
    for number in range(9):
        judge(journal, message=f"m{number}")
    post.step()
    post.close(0)
    journal.database._connection.execute("PRAGMA foreign_keys=OFF")
    journal.database._connection.execute("DELETE FROM part WHERE seq > 4")
    journal.database.close()
    rescue(tmp_path / "journal.db", "test", 0)
    again = Journal(Database(tmp_path / "journal.db"), uuid4())
    assert again.last_messages(99) == ["m0", "m1", "m2", "m3"], "those of lost parts are lost with them"
    judge(again, 2)
    later = courier(again, shop)
    later.step()
    assert shop.seqs[9:] == [1, 2]
    later.close(0)
    again.database.close()


def test_the_thread_sleeps_until_woken_and_leaves_at_once(journal: Journal) -> None:
    shop = Shop()
    post = courier(journal, shop)
    post.start()
    judge(journal, 1)
    post.wake()
    wait_for(lambda: shop.seqs == [1], 10, "the first part")
    shop.mood = away
    judge(journal, 1)
    post.wake()
    wait_for(lambda: shop.asked > 1, 10, "the first failure")
    for _ in range(50):
        post.wake()
    assert shop.asked < 10, "news make no failing receiver be asked more often"
    shop.mood = lambda notice: None
    post.hurry()
    wait_for(lambda: shop.seqs == [1, 2], 10, "the second part")
    post.close(10)
    assert not post.alive


def test_a_receiver_that_hangs_keeps_nobody_from_leaving(journal: Journal) -> None:
    shop, let_go = Shop(), threading.Event()
    shop.mood = lambda notice: None if let_go.wait(30) else Unavailable("nobody let it go")
    post = courier(journal, shop)
    judge(journal, 1)
    post.start()
    wait_for(lambda: shop.asked == 1, 10, "the call")
    post.close(0.05)
    let_go.set()
    wait_for(lambda: not post.alive, 10, "the end")
    post.close(0)


def test_what_was_wrong_with_the_picture_is_told(journal: Journal) -> None:
    shop = Shop()
    post = courier(journal, shop)
    judge(journal)
    dark = journal.trigger("", 1)
    journal.decide(dark, Decision(Verdict.REJECT, Reason.BAD_IMAGE, detail=Detail.BLACK), 1)
    post.step()
    assert [(notice.reason, notice.detail) for notice in shop.told] == [("model", ""), ("bad-image", "black")]
    post.close(0)
