"""`scripts/plc`: the simulated PLC, started by hand."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from edge_agent.contracts.plc import CODES, Disposition, Status
from tests.simulators.plc import Conveyor, Plc, PlcProgram

_REASONS = {code: reason.value for reason, code in CODES.items()}
_LOOK_S = 0.05


def main() -> int:
    """Serve until all parts are through, or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="scripts/plc")
    parser.add_argument("--port", type=int, default=5020)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two parts")
    parser.add_argument("--parts", type=int, default=None, help="how many parts; without end if not given")
    parser.add_argument("--deadline", type=float, default=2.0, help="seconds after which a part is rejected anyway")
    parser.add_argument("--recipes", type=_numbers, default=(), help="numbers of recipes, asked for batch after batch")
    parser.add_argument("--batch", type=int, default=10, help="parts of a recipe before the next")
    given = parser.parse_args()
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # it prints its whole talk when a client goes away
    conveyor = Conveyor(given.every, given.parts, given.deadline, recipes=given.recipes, batch=given.batch)
    program = PlcProgram(conveyor)
    try:
        plc = Plc(program, port=given.port).start()
    except OSError as error:
        sys.stderr.write(f"{error}; give another one with --port\n")
        return 1
    sys.stdout.write(f"PLC at 127.0.0.1:{plc.port}, run {program.run}; waiting for the station\n")
    try:
        _watch(plc)
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    plc.stop()
    counts = program.counts
    told = ", ".join(f"{went.name.lower().replace('_', ' ')} {counts[went]}" for went in Disposition if counts[went])
    sys.stdout.write(f"{program.triggered} parts: {told or 'none'}\n")
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _watch(plc: Plc) -> None:
    program, told, ready, recipe = plc.program, 0, False, 0
    while not (program.finished and told == program.triggered):
        time.sleep(_LOOK_S)
        with plc.lock:
            now_ready = Status.READY in program.report.status and program.alive(time.monotonic())
            lines = []
            if now_ready != ready:
                lines.append(f"station {'ready' if now_ready else 'not ready'}")
            ready = now_ready
            if program.report.recipe != recipe:
                recipe = program.report.recipe
                lines.append(f"station makes recipe {recipe}")
            while told + 1 in program.dispositions:
                told += 1
                code = program.codes.get(told)
                why = f"code {code} ({_REASONS.get(code, 'unknown')})" if code is not None else "nothing came in time"
                lines.append(f"part {told:6d}  {program.dispositions[told].name.lower():10s} {why}")
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
