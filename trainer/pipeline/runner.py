"""The runner: which steps are run, which at once, and what is recorded of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial

from edge_agent.contracts.errors import ConfigError, LinesideError
from trainer.pipeline.driver import Driver, Plan, not_to_run, plan
from trainer.pipeline.executor import Executor
from trainer.pipeline.graph import Graph, producer
from trainer.pipeline.libraries import need_tensorflow
from trainer.pipeline.lock import file_lock
from trainer.pipeline.lookahead import reasons_to_run
from trainer.pipeline.progress import Display
from trainer.pipeline.publisher import Clock, Publisher
from trainer.pipeline.runs import RunRecord, Runs
from trainer.pipeline.selection import ALL, Role, Selection, ancestors, roles
from trainer.pipeline.steady import SteadyCode
from trainer.pipeline.step import Artifact, Known, Step
from trainer.pipeline.steplog import StepLog
from trainer.pipeline.tocome import ToCome
from trainer.pipeline.workers import PLAIN_S, TENSORFLOW_S, Workers

Made = dict[str, Artifact]


def default_jobs() -> int:
    """Return how many steps run at once unless told: one a core, four at most."""
    return min(len(os.sched_getaffinity(0)), 4)


class Runner:
    """Runs a graph's steps in one root; other runs may work there at the same time.

    The caller holds the run's lock (`Runs.begin`). Up to `jobs` steps whose inputs are ready run at once.
    """

    def __init__(
        self,
        driver: Driver,
        record: RunRecord,
        display: Display,
        clock: Clock,
        metadata_url: str = "",
        jobs: int = 1,
        selection: Selection = ALL,
    ) -> None:
        self._driver, self._record, self._clock = driver, record, clock
        self._selection, self._jobs = selection, max(jobs, 1)
        self._runs = Runs(driver.root)
        self._code = SteadyCode()
        self._publisher = Publisher(driver, record.pipeline, record.run, clock, self._code, metadata_url)
        self._workers = Workers(self._jobs, self._worker, time.monotonic)
        self._log = StepLog(record, self._runs, display)
        self._alone, self._alone_guard = ExitStack(), threading.Lock()
        self._alone_words: set[str] = set()

    def run(self, graph: Graph, sources: Known) -> Made:
        """Run what must run and return all artifacts, sources included. Raises the first step's error.

        When a step fails, those that run beside it end, and no other begins.
        """
        chosen = roles(graph, self._selection)
        self._to_come = ToCome(graph, chosen, self._driver.imports)
        self._log.order = [step.name for step in graph.steps]
        self._publisher.recover()
        self._driver.index.pin(self._record.run, [artifact.digest for artifact in sources.values()])
        try:
            with ThreadPoolExecutor(self._jobs) as threads:
                try:
                    return _scheduled(graph, dict(sources), self._jobs, partial(self._begin, threads, graph, chosen))
                except KeyboardInterrupt:
                    self._log.interrupted = True
                    self._workers.stop()
                    raise
        finally:
            self._workers.stop()
            self._alone.close()
            self._driver.index.unpin(self._record.run)

    def _begin(
        self, threads: ThreadPoolExecutor, graph: Graph, chosen: dict[str, Role], step: Step, known: Known
    ) -> Future[Made]:
        """Start a step. It sees what it depends on alone, so that the order of others cannot change what it does."""
        made_by = {step.name, *ancestors(graph, [step.name])}
        sources = {reference for reference in known if "." not in reference}
        seen = {name: value for name, value in known.items() if name in sources or producer(name) in made_by}
        return threads.submit(self._step, step, seen, chosen[step.name])

    def _step(self, step: Step, known: Known, role: Role) -> Made:
        record = self._log.begin(step.name)
        left = f"not asked for ({self._selection.text()})" if role is Role.LEFT else ""
        why = left or not_to_run(step, known)
        if why:
            return self._log.end(record, "skipped", {}, why)
        started = self._clock()
        try:
            self._take_turn(step)
            planned = plan(step, known, self._driver.imports)
            self._code.check(step.name, planned.parts.code)
            record.key = planned.key
            outputs, status = self._cached(planned), "cached"
            if outputs is None:
                self._needs_running(planned, role)
                outputs, status = self._made(planned)
        except LinesideError as error:
            record.seconds = self._clock() - started
            self._log.end(record, "failed", {}, str(error))
            raise
        record.seconds = self._clock() - started
        return self._log.end(record, status, outputs)

    def _take_turn(self, step: Step) -> None:
        """Before a step that no two runs may be behind at once: wait until the other run has ended."""
        with self._alone_guard:
            if step.alone and step.alone not in self._alone_words:
                path = self._driver.store.locks / f"alone-{step.alone}-{self._record.pipeline}"
                self._alone.enter_context(file_lock(path, waiting=self._waits(step), stopped=self._is_stopped))
                self._alone_words.add(step.alone)

    def _cached(self, planned: Plan) -> Made | None:
        with self._driver.using():
            outputs = self._driver.cached(planned)
            if outputs is not None:
                self._driver.index.pin(self._record.run, [artifact.digest for artifact in outputs.values()])
            return outputs

    def _needs_running(self, planned: Plan, role: Role) -> None:
        if role is Role.STORED:
            reason = reasons_to_run(self._driver, planned)[0]
            name = planned.step.name
            raise ConfigError(
                f"{name}: its result is needed and not in the store ({reason}); begin there: --from {name}"
            )

    def _made(self, planned: Plan) -> tuple[Made, str]:
        """Execute the step, unless another run does at this moment: then take what that has made."""
        path = self._driver.store.locks / f"key-{planned.key[:16]}"
        with file_lock(path, waiting=self._waits(planned.step), stopped=self._is_stopped, remove=True):
            outputs = self._cached(planned) or self._left_behind(planned)
            if outputs is not None:
                return outputs, "cached"
            self._driver.evict(planned)
            self._log.running(planned.step.name)
            former = self._driver.index.latest(planned.step.name)
            cost = TENSORFLOW_S if need_tensorflow(planned.parts.libraries) else PLAIN_S
            if cost == TENSORFLOW_S:
                self._prepare(planned.step, beside=False)
            with self._workers.use(cost, former.seconds if former else None) as executor:
                if cost == PLAIN_S:
                    self._prepare(planned.step, beside=True)
                report = partial(self._log.progress, planned.step.name)
                return self._publisher.execute(planned, executor, report), "done"

    def _prepare(self, step: Step, beside: bool) -> None:
        """Have TensorFlow imported for what follows: at once, or beside a step that does not need it."""
        wanted = self._to_come.preparation(step, beside)
        if wanted is not None:
            self._workers.prepare(lambda executor: executor.prepare(*wanted), beside)

    def _left_behind(self, planned: Plan) -> Made | None:
        """Return what a run made that died before it could say so; it had the lock that is held here."""
        if all(begun.key != planned.key for begun in self._driver.index.orphans()):
            return None
        self._publisher.recover(planned.key)
        return self._cached(planned)

    def _waits(self, step: Step) -> Callable[[str], None]:
        return lambda process: self._log.running(step.name, f"waits for process {process}, which is at it")

    def _is_stopped(self) -> bool:
        return self._workers.stopped

    def _worker(self, number: int) -> Executor:
        name = f"worker-{number + 1}.log" if number else "worker.log"
        temporary = self._driver.store.stage(f"temporary-{number + 1}")
        return Executor(self._runs.path(self._record.run) / name, {"TMPDIR": str(temporary)})


def _scheduled(graph: Graph, known: Made, jobs: int, begin: Callable[[Step, Known], Future[Made]]) -> Made:
    """Begin each step when all before it have ended; return all that was made. Raises the first error."""
    waiting, ended = list(graph.steps), {*known}
    running: dict[Future[Made], Step] = {}
    errors: list[BaseException] = []
    while running or (waiting and not errors):
        for step in [s for s in waiting if {producer(r) for r in s.inputs.values()} <= ended]:
            if len(running) < jobs and not errors:
                waiting.remove(step)
                running[begin(step, dict(known))] = step
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            step = running.pop(future)
            error = future.exception()
            if error is None:
                known |= {f"{step.name}.{name}": artifact for name, artifact in future.result().items()}
                ended.add(step.name)
            else:
                errors.append(error)
    if errors:
        raise errors[0]
    return known
