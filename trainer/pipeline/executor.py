"""The parent's side of the worker: start it when the first step must run, send jobs, read answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from edge_agent.contracts.errors import Unavailable
from edge_agent.contracts.program import python_program
from trainer.pipeline.cache import writing
from trainer.pipeline.lifeline import held
from trainer.pipeline.step import Properties, Step
from trainer.pipeline.worker import raise_error

_LACK_OF_MEMORY = (signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV)
"""What a process ends by when the system takes its memory away, or libraries cannot do without it."""
Report = Callable[[str, float | None], None]


class Executor:
    """Runs the functions of steps in one child process; `log` receives all that they print.

    `environment` is set for the child beyond this process's own.
    """

    def __init__(self, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log, self._environment = log, environment or {}
        self._child: subprocess.Popen[str] | None = None
        self._lifeline = -1

    def start(self) -> subprocess.Popen[str]:
        """Start the worker, without effect when it runs."""
        if self._child is not None:
            return self._child
        with writing(self._log):
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._log.touch()
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}
        end, self._lifeline = held()
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                python_program("trainer.pipeline.worker", str(end)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **quiet, **self._environment},
                start_new_session=True,
                pass_fds=(end,),
            )
        os.close(end)
        return self._child

    def prepare(self, modules: Sequence[str], converts: bool) -> None:
        """Let the worker import TensorFlow and more for steps to come, while this process goes on.

        `converts`: one of them is the Converter. What goes wrong is told by the next step.
        """
        child = self.start()
        assert child.stdin is not None
        with suppress(BrokenPipeError, ValueError):
            child.stdin.write(json.dumps({"modules": list(modules), "converts": converts}) + "\n")
            child.stdin.flush()

    def run(
        self, step: Step, paths: Mapping[str, Path | None], values: Mapping[str, Any], scratch: Path, report: Report
    ) -> dict[str, Properties]:
        """Run the step's function and return the properties of its outputs.

        Raises what the function raised (Rejected, Unavailable, ConfigError); Unavailable for anything else and when
        the worker dies.
        """
        child = self.start()
        assert child.stdin is not None
        assert child.stdout is not None
        job = {
            "function": step.function,
            "paths": {name: None if path is None else str(path) for name, path in paths.items()},
            "values": dict(values),
            "scratch": str(scratch),
        }
        try:
            child.stdin.write(json.dumps(job) + "\n")
            child.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._died(child, step) from None
        for line in _lines(child.stdout):
            answer = json.loads(line)
            if "progress" in answer:
                report(answer["progress"], answer["done"])
            elif "error" in answer:
                raise_error(answer, step.name, self._log)
            else:
                return dict(answer["result"])
        raise self._died(child, step)

    def _died(self, child: subprocess.Popen[str], step: Step) -> Unavailable:
        code = child.wait()
        self.stop()
        why = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
        hint = "; if the memory ran out, lower network.batch" if -code in _LACK_OF_MEMORY else ""
        return Unavailable(f"{step.name}: the worker process {why}; run again to go on{hint} (log: {self._log})")

    def kill(self) -> None:
        """End the worker while another thread waits in `run`, which then raises Unavailable."""
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the worker and what it started."""
        if self._child is None:
            return
        child, self._child = self._child, None
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(self._lifeline)
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def _lines(stream: IO[str]) -> Iterator[str]:
    """Yield lines until the end; a stream that another thread closes has ended."""
    with suppress(ValueError):
        for line in stream:  # noqa: UP028 (`yield from` would close the stream with this generator)
            yield line
