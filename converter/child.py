"""The process in which conversions happen: TensorFlow is imported once, then each job runs in a fork of its own.

`python -m converter.child FOLDER` reads one JSON job per line on standard input and answers each with one JSON line
when its fork has ended, in any order; each job names the folder of its log. A fork that the converter aborts (LLVM
errors give no exception) takes nobody with it. End of input = the parent is gone: all forks are killed.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from converter.importing import NOT_NEEDED, import_tensorflow
from edge_agent.contracts.errors import LinesideError

JOBS = {
    "load": "converter.loading:load",
    "tflite": "converter.formats.tflite:convert",
    "tfjs": "converter.formats.tfjs:convert",
    "onnx": "converter.formats.onnx:convert",
}
"""Kind of job -> function that takes the job and returns the answer's fields."""

_TAIL = 600
_UNKNOWN = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")


def main() -> None:
    """Import TensorFlow, with a log in the folder that is named, and serve jobs until standard input ends."""
    answers = os.dup(1)
    _redirect(Path(sys.argv[1]) / "import.log")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import_tensorflow((*NOT_NEEDED, "pandas"))
    serve(answers)


def serve(answers: int) -> NoReturn:
    """Serve jobs from standard input until it ends, answer them on the descriptor `answers`, and leave.

    TensorFlow is imported, and nothing has been done with it yet.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    _Server(answers).serve()
    # TensorFlow takes seconds to say goodbye, and nothing here needs it to.
    os._exit(0)


class _Server:
    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.selector = selectors.DefaultSelector()
        self.forks: dict[int, tuple[int, Path, bytearray]] = {}

    def serve(self) -> None:
        self.selector.register(0, selectors.EVENT_READ)
        pending = bytearray()
        while True:
            for key, _ in self.selector.select():
                if key.fd != 0:
                    self._read(key.fd)
                elif data := os.read(0, 1 << 16):
                    pending += data
                    *lines, rest = bytes(pending).split(b"\n")
                    pending = bytearray(rest)
                    for line in lines:
                        self._start(json.loads(line))
                else:
                    return self._kill_all()

    def _start(self, job: dict[str, Any]) -> None:
        reader, writer = os.pipe()
        log = Path(job.pop("log")) / f"{job['id']}.log"
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self.selector.close()
            _work(job, writer, log)
        os.close(writer)
        self.forks[reader] = (pid, log, bytearray())
        self.selector.register(reader, selectors.EVENT_READ)

    def _read(self, reader: int) -> None:
        pid, log, received = self.forks[reader]
        if data := os.read(reader, 1 << 16):
            received += data
            return
        self.selector.unregister(reader)
        os.close(reader)
        del self.forks[reader]
        _, status = os.waitpid(pid, 0)
        answer = json.loads(received) if received else _died(log, status)
        os.write(self.answers, json.dumps({"id": log.stem, **answer}).encode() + b"\n")

    def _kill_all(self) -> None:
        for pid, _, _ in self.forks.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _died(log: Path, status: int) -> dict[str, Any]:
    code = os.waitstatus_to_exitcode(status)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"ok": False, "code": "CONVERTER_ABORT", "reason": f"the converter died of {how}{_tail(log)}"}


def _work(job: dict[str, Any], writer: int, log: Path) -> None:
    """Run a job in the fork and leave without running the parent's exit handlers."""
    _redirect(log)
    module, function = JOBS[job["kind"]].split(":")
    try:
        answer = {"ok": True, **getattr(import_module(module), function)(job)}
    except LinesideError as error:
        answer = {"ok": False, "code": "REJECTED", "reason": str(error)}
    except Exception as error:  # noqa: BLE001  (whatever the converter raises becomes this job's answer)
        traceback.print_exc()
        text = " ".join(str(error).split())
        unknown = ", ".join(unknown_operators(text))
        reason = f"TFLite has no operator for {unknown}" if unknown else f"{type(error).__name__}: {text[:_TAIL]}"
        answer = {"ok": False, "code": "CONVERTER_ERROR", "reason": reason}
    os.write(writer, json.dumps(answer).encode())
    os._exit(0)


def unknown_operators(text: str) -> list[str]:
    """Return the operators that TensorFlow's converter names, in its many words, as having no place in TFLite."""
    return list(dict.fromkeys(_UNKNOWN.findall(text)))


def _redirect(log: Path) -> None:
    """Send this process's standard output and error to a file: the converters write there from C++."""
    sys.stdout.flush()
    sys.stderr.flush()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    telling = [line.strip() for line in lines if "error" in line.lower()]
    return f" ({telling[-1][:200]})" if telling else ""


if __name__ == "__main__":
    main()
