"""Windows: over any kill, every part that a model judged is in exactly one window of that model."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from pathlib import Path
from uuid import UUID

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.contracts.messages import Stream
from edge_agent.contracts.verdict import Reason, Verdict
from edge_agent.contracts.window import Statistics, decode_window
from edge_agent.journal import outbox
from edge_agent.journal.database import Database
from edge_agent.journal.journal import Decision, Journal
from edge_agent.uplink.windows import Windows
from tests.simulators.clock import HandClock
from tests.simulators.made_up import BASELINE

A, B, UNKNOWN = "a" * 64, "b" * 64, "f" * 64
BASELINES = {A: BASELINE, B: BASELINE}
PART = st.tuples(st.sampled_from([A, A, A, A, B, UNKNOWN, None]), st.integers(0, 2), st.floats(0, 200, width=32))
STEP = st.one_of(st.just("advance"), st.just("kill"), st.just("wait"), st.just("torn"), PART)


class Station:
    """A journal whose windows are built by a process that dies."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hand = folder, HandClock()
        self.boot = UUID(int=7)
        self.parts: Counter[str] = Counter()
        self.values: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        self.database = Database(self.folder / "journal.db")
        self.journal = Journal(self.database, self.boot)
        self.windows = Windows(self.database, self.boot, BASELINES.get, self.hand.clock, 60.0)

    def judge(self, bundle: str | None, pictures: int, value: float) -> None:
        key = self.journal.trigger("", 0)
        features = np.tile(np.array([value, 0.5], np.float32), pictures).tobytes() if bundle else None
        reason = Reason.MODEL if bundle else Reason.NO_IMAGE
        self.journal.decide(key, Decision(Verdict.REJECT, reason, bundle=bundle, features=features), 1000)
        if bundle in BASELINES:
            self.parts[bundle] += 1
            self.values[bundle] += pictures

    def torn(self) -> None:
        """Die while a window is being written: SQLite takes the half transaction back."""
        run = self.database.run

        def dies(query: str, **values: object) -> int:
            if query == "set_counter":
                raise KeyboardInterrupt
            return run(query, **values)

        self.database.run = dies  # type: ignore[method-assign]
        with contextlib.suppress(KeyboardInterrupt):
            self.windows.advance()
        self.start()

    def do(self, step: object) -> None:
        if isinstance(step, tuple):
            self.judge(*step)
        elif step == "advance":
            self.windows.advance()
        elif step == "kill":
            self.start()
        elif step == "torn":
            self.torn()
        else:
            self.hand.forward(61.0)

    def read(self) -> tuple[Counter[str], Counter[str], list[int]]:
        parts: Counter[str] = Counter()
        values: Counter[str] = Counter()
        entries = outbox.page(self.database, self.boot, Stream.WINDOW, 0, 10_000)
        for entry in entries:
            head, statistics = decode_window(entry.payload, BASELINE)
            assert isinstance(statistics, Statistics)
            assert head.seq == entry.seq
            parts[head.bundle] += head.parts
            values[head.bundle] += statistics.tallies["score"].n
        return parts, values, [entry.seq for entry in entries]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=60))
def test_each_part_is_in_exactly_one_window(steps):
    with tempfile.TemporaryDirectory() as folder:
        station = Station(Path(folder))
        for step in steps:
            station.do(step)
        station.windows.advance()
        station.hand.forward(61.0)
        station.windows.advance()
        parts, values, seqs = station.read()
        assert parts == station.parts
        assert values == station.values
        assert seqs == list(range(1, len(seqs) + 1))


def test_a_window_ends_after_its_parts_with_another_bundle_and_after_its_time(tmp_path):
    station = Station(tmp_path)
    for _ in range(7):
        station.judge(A, 1, 75.0)
    assert station.windows.advance() == 1
    station.judge(B, 1, 75.0)
    assert station.windows.advance() == 1
    station.hand.forward(61.0)
    assert station.windows.advance() == 1
    entries = outbox.page(station.database, station.boot, Stream.WINDOW, 0, 10)
    heads = [decode_window(entry.payload, None)[0] for entry in entries]
    assert [(head.bundle, head.parts) for head in heads] == [(A, 5), (A, 2), (B, 1)]


def test_what_became_of_the_parts_is_counted(tmp_path):
    station = Station(tmp_path)
    for _ in range(4):
        station.judge(A, 2, 75.0)
    station.judge(None, 0, 0.0)
    station.judge(A, 0, 0.0)
    assert station.windows.advance() == 1
    entry = outbox.page(station.database, station.boot, Stream.WINDOW, 0, 10)[0]
    head, statistics = decode_window(entry.payload, BASELINE)
    assert statistics is not None
    assert head.parts == 5
    assert statistics.tallies["brightness"].n == 8
    assert statistics.counters["final.reject"] == 6
    assert statistics.counters["reason.no-image"] == 1
