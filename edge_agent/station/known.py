"""Pictures with a known answer, in the station's folder: who adds them, the page shows them by their SHA-256 alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.encoding import digest_bytes
from edge_agent.contracts.errors import ConfigError, Rejected
from edge_agent.contracts.picture_file import MAX_PIXELS, check, picture_kind
from edge_agent.contracts.verdict import Verdict
from edge_agent.home import read_json, replace_json

_SUFFIX = {"png": ".png", "jpeg": ".jpg"}
_BYTES_PER_PIXEL = 4
_ID = re.compile(r"^[0-9a-f]{8,64}$")
_BOOK = "known.json"


@dataclass(frozen=True)
class KnownPart:
    """A picture whose right answer is known. `digest` is the SHA-256 of its file, `label` names a reject's defect."""

    digest: str
    verdict: Verdict
    label: str
    added_ms: int

    @property
    def id(self) -> str:
        """The name under which people list and remove it."""
        return self.digest[:12]


class KnownParts:
    """The folder `HOME/known`: pictures as `<sha[:2]>/<sha>.png|jpg`, and `known.json` with their answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[KnownPart]:
        """Return all of them, the oldest first; what another process adds or removes holds at once."""
        found = [_read(digest, entry) for digest, entry in read_json(self.folder / _BOOK).items()]
        return sorted((part for part in found if part is not None), key=lambda part: (part.added_ms, part.digest))

    def add(self, picture: Path, verdict: Verdict, label: str, now_ms: int) -> tuple[KnownPart, bool]:
        """Copy a picture into the folder; return it and whether it is new. Raises Rejected for what is no picture."""
        data = _picture(picture)
        part = KnownPart(digest_bytes(data), verdict, label, now_ms)
        path = self.folder / part.digest[:2] / f"{part.digest}{_SUFFIX[str(picture_kind(data))]}"
        before = {known.digest: known for known in self.all()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".part")
            partial.write_bytes(data)
            os.replace(partial, path)
            self._write({**before, part.digest: part})
        except OSError as error:
            raise ConfigError(f"{self.folder}: cannot be written ({error.strerror}); make room or mend it") from error
        return part, part.digest not in before

    def remove(self, name: str) -> KnownPart:
        """Remove the picture whose ID begins with `name`. Raises Rejected where none does, or several do."""
        everything = self.all()
        found = [part for part in everything if part.digest.startswith(name)] if _ID.match(name) else []
        if len(found) != 1:
            words = "several known parts begin so" if found else "no known part has this ID"
            raise Rejected(f"{name}: {words}; 'edge-agent known list' shows them")
        self._write({part.digest: part for part in everything if part is not found[0]})
        for suffix in _SUFFIX.values():
            (self.folder / name[:2] / f"{found[0].digest}{suffix}").unlink(missing_ok=True)
        return found[0]

    def _write(self, parts: dict[str, KnownPart]) -> None:
        content = {
            digest: {"verdict": part.verdict.value, "label": part.label, "added_ms": part.added_ms}
            for digest, part in parts.items()
        }
        replace_json(self.folder / _BOOK, content)


def _read(digest: str, entry: object) -> KnownPart | None:
    if not isinstance(entry, dict) or entry.get("verdict") not in (Verdict.ACCEPT.value, Verdict.REJECT.value):
        return None
    return KnownPart(digest, Verdict(entry["verdict"]), str(entry.get("label", "")), int(entry.get("added_ms", 0)))


def _picture(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_PIXELS * _BYTES_PER_PIXEL else b""
    except OSError as error:
        raise Rejected(f"{path}: cannot be read ({error.strerror}); give the file of a picture") from error
    try:
        check(data)
    except Rejected as error:
        raise Rejected(f"{path}: {error}") from error
    if picture_kind(data) not in _SUFFIX:
        raise Rejected(f"{path}: a {picture_kind(data)} picture, which browsers do not show; give a PNG or a JPEG")
    return data
