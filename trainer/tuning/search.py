"""What is searched, and what a choice means for a training. Rules only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Network

OWN = "hparams."
_NETWORK = "network."
_FIXED = frozenset({"height", "width", "model", "pretraining", "weights", "seed"})
Choice = Mapping[str, Any]


def check_search(search: Iterable[str], own: bool) -> None:
    """Raise ConfigError for a key that no training can be given; `own` = there is a `build_model` for `hparams.…`."""
    known = [f"{_NETWORK}{name}" for name in Network.model_fields if name not in _FIXED]
    if not search:
        raise ConfigError("tuner.search is empty; name what to search, such as network.learning_rate")
    for key in search:
        if key in known or (key.startswith(OWN) and own):
            continue
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(known)}"
        more = "" if own else f"; {OWN}… is for the build_model of your own module"
        raise ConfigError(f"tuner.search: '{key}' cannot be searched, {hint}{more}")


def chosen_values(values: Mapping[str, Any], choice: Choice) -> dict[str, Any]:
    """Return the Trainer's parameters (`recipe`, `settings`, …) with a choice in them.

    `network.…` changes the recipe, `hparams.…` is handed to the user's own `build_model`.
    """
    network = {key.removeprefix(_NETWORK): value for key, value in choice.items() if key.startswith(_NETWORK)}
    own = {key.removeprefix(OWN): value for key, value in choice.items() if key.startswith(OWN)}
    recipe = dict(values["recipe"])
    made = {**values, "recipe": {**recipe, "network": {**recipe["network"], **network}}}
    if own:
        made["settings"] = {**values.get("settings", {}), "hparams": own}
    return made
