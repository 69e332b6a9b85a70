"""The worker processes of a run: reused from step to step, and a further one only when that can pay.

A worker that trains or transforms imports TensorFlow, TFDV, TFT and TFMA, which costs some seconds of a processor
(measured, docs/runs.md). The first such worker is started ahead of its first step, beside the steps that need none of
this. A further one started for a step of two seconds makes the run slower. What is gained by running
two steps at once is never more than the shorter of them, so a further worker is started when both last longer than the
import; how long is known from the time before. Where that is not known, a step first waits as long as an import takes:
then at most twice the least possible is lost, however it turns out (the ski-rental rule).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge_agent.contracts.errors import Unavailable
from trainer.pipeline.executor import Executor

TENSORFLOW_S, PLAIN_S = 6.0, 0.3
"""What starting a worker costs with and without TensorFlow, in seconds."""
_LOOK_S = 0.1


def pays(waited: float, cost: float, expected: float | None, remaining: float | None) -> bool:
    """Say whether a further worker is worth its `cost` to a step that has `waited`; all in seconds.

    `expected` is how long the step takes, `remaining` how long until a worker is free; None = not known.
    """
    known = [value for value in (expected, remaining) if value is not None]
    if known and min(known) <= cost:
        return False
    return len(known) == 2 or waited >= cost


@dataclass
class _Busy:
    since: float
    expected: float | None

    def remaining(self, now: float) -> float | None:
        """Return the time to its end; None when it is not known or already passed."""
        left = None if self.expected is None else self.since + self.expected - now
        return left if left is not None and left > 0 else None


class Workers:
    """At most `limit` workers; `make` starts the n-th (0, 1, …)."""

    def __init__(self, limit: int, make: Callable[[int], Executor], clock: Callable[[], float]) -> None:
        self._limit, self._make, self._clock = limit, make, clock
        self._all: list[Executor] = []
        self._idle: list[Executor] = []
        self._busy: dict[int, _Busy] = {}
        self._prepared: set[int] = set()
        self._change = threading.Condition()
        self._stopped = False

    @property
    def count(self) -> int:
        """How many were started."""
        return len(self._all)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def prepare(self, let_import: Callable[[Executor], None], beside: bool) -> None:
        """Let a worker import TensorFlow, without effect where one has it or no more may be started.

        With `beside` that is a further worker, for the steps after those that run; else one that is idle, or a new one.
        """
        with self._change:
            if self._stopped or self._prepared:
                return
            if beside or not self._idle:
                if len(self._all) >= self._limit:
                    return
                self._start()
            self._prepared.add(id(self._idle[-1]))
            let_import(self._idle[-1])

    @contextmanager
    def use(self, cost: float, expected: float | None) -> Iterator[Executor]:
        """Give a worker for one step that is `expected` to take so many seconds; wait for one if that is better.

        Raises Unavailable when the run is interrupted.
        """
        executor = self._take(cost, expected)
        try:
            yield executor
        finally:
            with self._change:
                del self._busy[id(executor)]
                self._idle.append(executor)
                self._change.notify_all()

    def _take(self, cost: float, expected: float | None) -> Executor:
        began = self._clock()
        with self._change:
            while not self._idle:
                if self._stopped:
                    raise Unavailable("interrupted")
                if self._may_start(self._clock() - began, cost, expected):
                    self._start()
                    break
                self._change.wait(_LOOK_S)
            executor = self._chosen(cost > PLAIN_S)
            self._busy[id(executor)] = _Busy(self._clock(), expected)
            return executor

    def _start(self) -> None:
        self._idle.append(self._make(len(self._all)))
        self._all.append(self._idle[-1])

    def _chosen(self, tensorflow: bool) -> Executor:
        """Take an idle worker: one that has TensorFlow for a step that needs it, for others rather another."""
        executor = max(self._idle, key=lambda idle: (id(idle) in self._prepared) == tensorflow)
        self._idle.remove(executor)
        return executor

    def _may_start(self, waited: float, cost: float, expected: float | None) -> bool:
        if len(self._all) >= self._limit:
            return False
        if not self._all:
            return True
        left = [busy.remaining(self._clock()) for busy in self._busy.values()]
        known = [value for value in left if value is not None]
        soonest = min(known) if len(known) == len(left) or any(value <= cost for value in known) else None
        return pays(waited, cost, expected, soonest)

    def stop(self) -> None:
        """End all workers and what they started."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        for executor in self._all:
            executor.stop()
