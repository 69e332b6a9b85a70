"""What a station does right now, from its journal and the supervisor's note. Imports nothing heavy."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from edge_agent.contracts.errors import ConfigError
from edge_agent.home import Home, read_json


def station_status(home: Home) -> dict[str, Any]:
    """Return `bundle`, `state` (running, starting, stopped), `mode`, `counts`, `ready`, and what helps a person.

    `lowered` says why the station decides less than it was told to; `challenger` judges beside `bundle` and decides the
    `share` of the parts, `warm` could take over at once.
    Raises ConfigError where there is no station.
    """
    if not home.config.exists():
        raise ConfigError(f"{home.root}: no station here; run 'edge-agent enrol FILE --home {home.root}' first")
    note = read_json(home.station)
    running = is_alive(note.get("pid"))
    hot = hot_status(home)
    slots = read_json(home.slots)
    chosen = read_json(home.recipe).get("recipe")
    bundle = hot.get("bundle") or slots.get("resting", {}).get(chosen, slots).get("active")
    counts, update, waiting = _journal(home)
    return {
        "bundle": bundle,
        "recipe": hot.get("recipe", chosen),
        "state": ("running" if hot else "starting") if running else "stopped",
        "mode": hot.get("mode"),
        "lowered": hot.get("lowered", ""),
        "challenger": hot.get("challenger"),
        "share": hot.get("share", 0.0),
        "warm": hot.get("warm"),
        "counts": counts,
        "ready": bool(hot.get("ready", False)),
        "why": hot.get("why", "" if running else "the station is not running"),
        "runtime": _runtime(home, bundle),
        "update": update,
        "waiting": waiting,
        "page": note.get("ui") if running else None,
        "pids": {"supervisor": note.get("pid"), **note.get("children", {})} if running else {},
    }


def hot_status(home: Home) -> dict[str, Any]:
    """Return what the hot process last said of itself; empty while the station does not run."""
    note = read_json(home.station)
    found = note.get("status", {}).get("hot", {}) if is_alive(note.get("pid")) else {}
    return found if isinstance(found, dict) else {}


def _runtime(home: Home, bundle: object) -> dict[str, Any]:
    """Return the threads that were asked for, and what was measured for the bundle when it came, if anything was."""
    wanted = _asked(home)
    found = read_json(home.root / "threads.json").get("bundles", {}).get(bundle)
    if not isinstance(found, dict):
        return {"threads": wanted if isinstance(wanted, int) else 1, "asked": wanted, "measured": None}
    threads = found.get("threads") if wanted == "auto" else wanted
    return {"threads": threads, "asked": wanted, "measured": found}


def _asked(home: Home) -> int | str:
    """Return `runtime.threads` of the settings without their models, which take long to load."""
    import yaml

    try:
        content = yaml.safe_load(home.config.read_text(encoding="utf-8"))
        asked = content["runtime"]["threads"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return 1
    return asked if isinstance(asked, int | str) else 1


def is_alive(pid: object) -> bool:
    """Return whether a process of that id exists."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _journal(home: Home) -> tuple[dict[str, int], str | None, dict[str, int]]:
    """Return tallies, the update's state, and what waits: parts for a person, facts for the fleet."""
    empty: tuple[dict[str, int], str | None, dict[str, int]] = ({}, None, {"reviews": 0, "outbox": 0})
    if not home.journal.exists():
        return empty
    connection = sqlite3.connect(f"file:{home.journal}?mode=ro", uri=True, timeout=2.0)
    try:
        tallies = dict(connection.execute("SELECT name, value FROM tally ORDER BY name").fetchall())
        update = connection.execute("SELECT state FROM installation").fetchone()
        reviews = connection.execute("SELECT count(*) FROM review WHERE state = 'open'").fetchone()[0]
        outbox = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    except sqlite3.DatabaseError:
        return empty
    finally:
        connection.close()
    return tallies, update[0] if update else None, {"reviews": reviews, "outbox": outbox}
