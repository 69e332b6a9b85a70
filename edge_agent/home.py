"""Where a station keeps its things: one folder, known to the three processes and the commands."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Home:
    """The folder given as `--home`, and the places below it."""

    root: Path

    @property
    def credentials(self) -> Path:
        """Who the device is and where it connects (mode 0600)."""
        return self.root / "credentials.json"

    @property
    def config(self) -> Path:
        """The station's settings, `edge_agent.config.StationConfig`."""
        return self.root / "station.yaml"

    @property
    def journal(self) -> Path:
        """The SQLite file of parts, reviews, outbox and installation."""
        return self.root / "journal.db"

    @property
    def bundles(self) -> Path:
        """Installed bundles, one folder each, named by the bundle's ID."""
        return self.root / "bundles"

    @property
    def slots(self) -> Path:
        """Which of the bundles runs, which ran before, and which was last found good."""
        return self.root / "slots.json"

    @property
    def recipe(self) -> Path:
        """Whose turn it is at a station that makes several products (`edge_agent.install.slots`)."""
        return self.root / "recipe.json"

    @property
    def images(self) -> Path:
        """The quota ring of pictures: `<sha[:2]>/<sha>.png`."""
        return self.root / "images"

    @property
    def known(self) -> Path:
        """Pictures with a known answer, which the operator page shows among the real parts."""
        return self.root / "known"

    @property
    def trust(self) -> Path:
        """Trusted TUF metadata."""
        return self.root / "tuf"

    @property
    def run(self) -> Path:
        """What exists while the station runs."""
        return self.root / "run"

    @property
    def station(self) -> Path:
        """The supervisor's note of its processes and the operator page's address."""
        return self.run / "station.json"

    @property
    def preview(self) -> Path:
        """The camera's latest picture, while somebody looks at it (`edge_agent.capture.preview_file`)."""
        return self.run / "preview"

    def bundle(self, bundle_id: str) -> Path:
        """Return the folder of an installed bundle."""
        return self.bundles / bundle_id


def replace_json(path: Path, content: dict[str, Any], mode: int = 0o644) -> None:
    """Write a small JSON file as `replace_text` does. Raises OSError."""
    replace_text(path, json.dumps(content, sort_keys=True), mode)


def replace_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a small file so that a reader sees the old or the new one whole; not synced to disk.

    Raises OSError, and then leaves the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
