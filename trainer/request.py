"""What a person asks the pipeline for, and how it is kept with the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer.pipeline.metadata_url import without_password
from trainer.pipeline.selection import ALL, Selection


@dataclass(frozen=True)
class Request:
    """What to run. `folders` may be several: their rows are joined, later ones win for the same picture.

    A folder may be a pattern of spans, see `trainer.data.spans`.

    `taken` is the fleet's latest release of the model; a run asks the fleet itself and keeps the answer. `jobs` is how
    many steps may run at once (0 = as many as suit the machine). A run that serves a `ticket` keeps its fleet's home.
    """

    recipe: str
    folders: tuple[Path, ...]
    root: Path
    assignments: tuple[str, ...] = ()
    version: str = ""
    taken: int = 0
    selection: Selection = ALL
    jobs: int = 0
    ticket: str = ""
    fleet_home: str = ""

    @property
    def whole_recipe(self) -> str:
        """The recipe so that it is found from any folder: the whole path of a file, or a shipped one's name."""
        path = Path(self.recipe)
        return str(path.resolve()) if path.is_file() else self.recipe

    def arguments(self) -> dict[str, Any]:
        """Return the request as it is kept with the run; a password in it is not kept."""
        return {
            "recipe": self.whole_recipe,
            "folders": [str(folder.resolve()) for folder in self.folders],
            "assignments": [without_password(text) for text in self.assignments],
            "version": self.version,
            "taken": self.taken,
            "from": self.selection.begin,
            "to": self.selection.end,
            "only": list(self.selection.only),
            "jobs": self.jobs,
            "ticket": self.ticket,
            "fleet_home": self.fleet_home,
        }

    @classmethod
    def of(cls, arguments: dict[str, Any], root: Path) -> Request:
        """Return the request that `arguments` describes."""
        folders = tuple(Path(folder) for folder in arguments["folders"])
        selection = Selection(arguments.get("from", ""), arguments.get("to", ""), tuple(arguments.get("only", ())))
        return cls(
            arguments["recipe"],
            folders,
            root,
            tuple(arguments["assignments"]),
            arguments["version"],
            arguments.get("taken", 0),
            selection,
            arguments.get("jobs", 0),
            arguments.get("ticket", ""),
            arguments.get("fleet_home", ""),
        )

    def with_settings(self, *assignments: str) -> Request:
        """Return the request with more settings."""
        return replace(self, assignments=(*self.assignments, *assignments))
