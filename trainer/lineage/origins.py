"""Which execution made what another one used: the one rule of the text and of the page. Rules only."""

from __future__ import annotations

from collections.abc import Iterable

from trainer.pipeline.index import Entry


class Origins:
    """Who made which content."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_output: dict[str, list[Entry]] = {}
        for entry in in_order(entries):
            for stored in entry.outputs.values():
                self._by_output.setdefault(stored.digest, []).append(entry)

    def maker(self, digest: str, user: Entry) -> Entry | None:
        """Return the execution that made content that `user` used: the newest before it, for equal content may be
        made again after it, by another step too."""
        made = [entry for entry in self._by_output.get(digest, ()) if entry != user]
        before = [entry for entry in made if entry.created_ms <= user.created_ms]
        return before[-1] if before else made[0] if made else None


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort so that what uses something comes after it; the index keeps them by the time of their end."""
    return sorted(entries, key=lambda entry: entry.created_ms)
