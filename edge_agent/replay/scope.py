"""What a replay runs over: the parts, the models, and the files it writes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.address import parse_address
from edge_agent.capture.sources import make_source
from edge_agent.clock import SYSTEM
from edge_agent.config import load_config
from edge_agent.contracts.credentials import device_class
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.verdict import Automation
from edge_agent.home import Home
from edge_agent.inference.champion import Model
from edge_agent.journal.reader import read_journal
from edge_agent.replay import lines
from edge_agent.replay.judging import History, Judge, open_model
from edge_agent.replay.page import Names
from edge_agent.replay.parts import Recorded, Ring, labelled, parts_of_source
from edge_agent.replay.run import Heard, Replay, elders
from edge_agent.report.page import Place
from edge_agent.report.period import moment
from edge_agent.station.view import station_place

_ALWAYS = 1 << 62
_Write = Callable[[list[str]], object]


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line; "" and None where nothing was."""

    bundle: Path
    home: Path | None
    source: str
    against: Path | None
    start: str
    end: str
    automation: str | None
    device_class: str
    threads: int


@dataclass
class Scope:
    """The replay, its parts, what they are called, and the ring that may lack some of them."""

    replay: Replay
    parts: Iterable[Recorded]
    names: Names
    place: Place
    ring: Ring | None = None

    @property
    def lost(self) -> int:
        """Parts that were judged once and have no picture any more."""
        return self.ring.lost if self.ring is not None else 0


@contextmanager
def opened(wish: Wish, pictures: int) -> Iterator[Scope]:
    """Open what was asked for. Raises ConfigError for a wish that makes no sense, Rejected for a damaged bundle."""
    if (wish.home is None) == (not wish.source):
        raise ConfigError("give one of --home (a station's recorded parts) and --source (a folder of pictures)")
    if wish.home is None and (wish.start or wish.end):
        raise ConfigError("--from and --to choose parts of a journal; give --home, or leave them out")
    with ExitStack() as stack:
        if wish.home is not None:
            yield stack.enter_context(_station(wish, Home(wish.home.absolute()), pictures))
        else:
            yield stack.enter_context(_source(wish, pictures))


@contextmanager
def _source(wish: Wish, pictures: int) -> Iterator[Scope]:
    named = ":" in wish.source.split("/")[0]
    url = wish.source if named else f"folder://{Path(wish.source).absolute()}"
    kind = wish.device_class or "generic"
    automation = Automation(wish.automation) if wish.automation else None
    model = open_model(wish.bundle, kind, wish.threads)
    old = None if wish.against is None else open_model(wish.against, kind, wish.threads)
    against = None if old is None else Judge(old, automation, SYSTEM)
    address = parse_address(url)
    truth = labelled(Path(address.target), model.recipe.labels.good) if address.scheme == "folder" else {}
    source = make_source(url, SYSTEM)
    source.open()
    replay = Replay(Judge(model, automation, SYSTEM), against, pictures=pictures)
    names = Names(wish.source, "nothing" if old is None else _name(old), _name(model))
    try:
        yield Scope(
            replay, parts_of_source(source, model.recipe.views.count, truth), names, Place("edge-agent replay", "")
        )
    finally:
        source.close()


@contextmanager
def _station(wish: Wish, home: Home, pictures: int) -> Iterator[Scope]:
    kind = wish.device_class or device_class(home.credentials)
    given = Automation(wish.automation) if wish.automation else None
    automation = given or (load_config(home.config).automation if home.config.exists() else None)
    period = _period(wish)
    model = open_model(wish.bundle, kind, wish.threads)
    with read_journal(home.journal) as reader:
        history = History(reader)

        def judge(bundle: Path) -> Judge:
            return Judge(open_model(bundle, kind, wish.threads), automation, SYSTEM, history)

        against = None if wish.against is None else judge(wish.against)
        elder = elders(lambda bundle: judge(home.bundle(bundle))) if pictures else None
        ring = Ring(home, reader, SYSTEM)
        replay = Replay(Judge(model, automation, SYSTEM, history), against, elder, pictures)
        known = station_place(home)
        where = " · ".join(part for part in (known["site"], known["line"]) if part)
        names = Names(
            "with their pictures in the ring", "the journal" if against is None else _name(against.model), _name(model)
        )
        yield Scope(replay, ring.parts(*period), names, Place(known["device"], where), ring)


def _period(wish: Wish) -> tuple[int, int]:
    now_ms = SYSTEM.wall_ms()
    start = moment(wish.start, now_ms) if wish.start else 0
    end = moment(wish.end, now_ms) if wish.end else _ALWAYS
    if start >= end:
        raise Rejected(f"no part came from {wish.start or 'the beginning'} on and before {wish.end}; swap the two")
    return start, end


def _name(model: Model) -> str:
    return f"{model.manifest.name} {model.manifest.version}"


@contextmanager
def written(pictures: Path | None, parts: Path | None) -> Iterator[Heard]:
    """Open the tables that were asked for. Raises ConfigError where a file cannot be written."""
    with ExitStack() as stack:
        images = _table(stack, pictures, lines.PICTURE_COLUMNS)
        pairs = _table(stack, parts, lines.PART_COLUMNS)
        yield Heard(
            lambda view, finding, model: images(lines.picture_row(view, finding, model)),
            lambda pair: pairs(lines.part_row(pair)),
        )


def _table(stack: ExitStack, path: Path | None, columns: tuple[str, ...]) -> _Write:
    if path is None:
        return lambda row: None
    try:
        file = stack.enter_context(path.open("w", newline="", encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give another file") from error
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    return writer.writerow


def save(path: Path, text: str) -> None:
    """Write a page. Raises ConfigError where it cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give another file") from error
