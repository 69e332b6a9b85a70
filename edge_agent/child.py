"""What every child of the supervisor does first: take its pipes, mind signals, then become hot, uplink or ui."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from uuid import UUID, uuid4

from edge_agent.channel import PipeChannel, child_channel
from edge_agent.contracts.errors import LinesideError
from edge_agent.home import Home
from edge_agent.journal.rescue import DAMAGED_EXIT

_GRACE_S = 4.0


def run_child(arguments: list[str]) -> None:
    """Run until the channel closes: the supervisor has gone or has sent SIGTERM."""
    options = _parse(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=f"{options.name}: %(message)s")
    channel = child_channel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: channel.close())
    threading.Thread(target=_leave_for_sure, args=(channel,), name="leave", daemon=True).start()
    try:
        _become(options, channel)
    except LinesideError as error:
        logging.getLogger("lineside").error("%s", error)
        sys.exit(error.exit_code)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m edge_agent.processes")
    parser.add_argument("name", choices=("hot", "uplink", "ui"))
    parser.add_argument("--home", required=True, type=lambda text: Home(Path(text)))
    parser.add_argument("--boot", type=UUID, default=None)
    parser.add_argument("--source", default=None)
    parser.add_argument("--alone", action="store_true", help="without the fleet")
    options = parser.parse_args(arguments)
    options.boot = options.boot or uuid4()
    return options


def _become(options: argparse.Namespace, channel: PipeChannel) -> None:
    if options.name == "hot":
        _inspect(options, channel)
    elif options.name == "uplink":
        from edge_agent.uplink.process import main as uplink

        uplink(options.home, options.boot, channel, not options.alone)
    else:
        from edge_agent.station.server import main as page

        page(options.home, options.boot, channel)


def _inspect(options: argparse.Namespace, channel: PipeChannel) -> None:
    """Be the hot process; a journal that turns out damaged is for the supervisor to set aside."""
    import cv2

    from edge_agent.agent import Hot
    from edge_agent.config import load_config

    cv2.setNumThreads(1)
    _be_the_only_one(options.home)
    config = load_config(options.home.config)
    if options.source is not None:
        config = config.model_copy(update={"source": options.source})
    try:
        Hot(options.home, options.boot, channel, config).run()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        logging.getLogger("lineside").critical("%s is damaged: %s", options.home.journal, error)
        os._exit(DAMAGED_EXIT)


def _be_the_only_one(home: Home) -> int:
    """Take the inspection's lock, held until this process ends; an inspection that outlived its supervisor is killed.

    Hung or stopped at the wrong moment it might wake up beside this one, and take the same part from the PLC.
    """
    home.run.mkdir(parents=True, exist_ok=True)
    handle = os.open(home.run / "hot.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError, ProcessLookupError):
            os.kill(int(os.pread(handle, 20, 0)), signal.SIGKILL)
        fcntl.flock(handle, fcntl.LOCK_EX)
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def _leave_for_sure(channel: PipeChannel) -> None:
    """A child must never outlive its supervisor, not even one that hangs."""
    channel.wait_closed()
    time.sleep(_GRACE_S)
    os._exit(0)
