"""The rollout that a ticket's model waits for: noted before the ticket is served, started as soon as the fleet lets it.

Another rollout of the model may be under way, the server may be away, this process may be killed in between: the note
stays until the rollout has started or a newer model makes it needless.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edge_agent.contracts.errors import Rejected, Unavailable
from trainer.delivery import history
from trainer.delivery.fleet_command import start_rollout
from trainer.pipeline.cache import write_atomically

NOTE = "rollout.json"
_CANARY = "5%"
Say = Callable[[str], None]


def note_rollout(root: Path, ticket: str, model: str, version: str) -> None:
    """Remember that the version is to be rolled out."""
    content = {"model": model, "version": version}
    write_atomically(root / "tickets" / ticket / NOTE, json.dumps(content, sort_keys=True).encode())


def start_waiting(root: Path, home: Path, say: Say) -> dict[str, str]:
    """Start what is noted, with a canary of 5 %; return the rollouts that began, by ticket. What cannot waits on."""
    started: dict[str, str] = {}
    for note in sorted((root / "tickets").glob(f"*/{NOTE}")):
        ticket, wanted = note.parent.name, json.loads(note.read_text(encoding="utf-8"))
        model, version = str(wanted["model"]), str(wanted["version"])
        newest = [entry.version for entry in history.load(root) if entry.model == model][-1:]
        if newest and newest != [version]:
            say(f"ticket {ticket}: {model} {version} is not rolled out, {newest[0]} is newer")
            note.unlink()
            continue
        try:
            started[ticket] = str(start_rollout(model, version, _CANARY, home).get("rollout", ""))
        except (Rejected, Unavailable) as error:
            say(f"ticket {ticket}: the rollout of {model} {version} waits: {error}")
            continue
        note.unlink()
        say(f"ticket {ticket}: {model} {version} is published, rollout {started[ticket]} started")
    return started
