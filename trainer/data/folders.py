"""Where the data of a run lies: folders as they are named, and the spans that patterns stand for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.errors import Rejected
from trainer.data.spans import Place, check_pattern, choose, expression, is_pattern, place_of

_SHOWN = 8


@dataclass(frozen=True)
class Chosen:
    """The folders (or files) that a run reads, in order; `places` says for each which span it is, None = no span."""

    folders: tuple[Path, ...]
    places: tuple[Place | None, ...]

    @property
    def spans(self) -> list[dict[str, int]]:
        """What is kept with the data: number of the folder, its span and, where there is one, its version."""
        return [
            {"folder": number, "span": place.span, **({} if place.version is None else {"version": place.version})}
            for number, place in enumerate(self.places)
            if place is not None
        ]


def choose_folders(named: Sequence[Path], wish: str) -> Chosen:
    """Return the folders that are named, with the spans that `wish` asks for in place of each pattern.

    Raises ConfigError for a wrong pattern or wish, Rejected where nothing matches, saying what is there.
    """
    folders: list[Path] = []
    places: list[Place | None] = []
    for path in named:
        if not is_pattern(str(path)):
            folders.append(path)
            places.append(None)
            continue
        chosen = _spans(path, wish)
        folders += [Path(place.path) for place in chosen]
        places += chosen
    return Chosen(tuple(folders), tuple(places))


def _spans(pattern: Path, wish: str) -> tuple[Place, ...]:
    check_pattern(str(pattern))
    found = [place_of(str(pattern), str(path)) for path in _matching(pattern)]
    places = [place for place in found if place is not None]
    if not places:
        raise Rejected(f"{pattern}: nothing matches; {_there(pattern)}")
    try:
        return choose(places, wish)
    except Rejected as error:
        raise Rejected(f"{pattern}: {error}") from None


def _matching(pattern: Path) -> list[Path]:
    """Walk down the pattern's names; only folders on its way are listed."""
    places = [Path(pattern.anchor)]
    for name in pattern.parts[1 if pattern.anchor else 0 :]:
        if is_pattern(name):
            wanted = expression(name)
            places = [place / one for place in places for one in _names(place) if wanted.fullmatch(one)]
        else:
            places = [place / name for place in places]
    return [place for place in places if place.exists()]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _there(pattern: Path) -> str:
    """Say what lies where the first name with a specification was looked for."""
    parts = pattern.parts
    first = next(number for number, name in enumerate(parts) if is_pattern(name))
    folder = Path(*parts[:first])
    names = _names(folder)
    if not folder.is_dir():
        return f"there is no folder {folder}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{folder} holds {', '.join(names[:_SHOWN]) or 'nothing'}{more}"
