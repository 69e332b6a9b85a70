"""The latest blessed bundle of a root."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.errors import ConfigError
from trainer.delivery import history


def latest_bundle(root: Path, name: str = "") -> Path:
    """Return the folder of the latest blessed bundle, of the model `name` where the root has several.

    Raises ConfigError where none was blessed, or where the name is missing.
    """
    known = history.load(root)
    names = sorted({entry.model for entry in known})
    wanted = name or (names[0] if len(names) == 1 else "")
    own = [entry for entry in known if entry.model == wanted]
    if not own:
        found = f"it has {', '.join(names)}; say which with --model" if names else "none was blessed yet"
        raise ConfigError(f"{root}: no blessed model{f' {name!r}' if name else ''}; {found}")
    return root / "pushed" / own[-1].model / own[-1].version
