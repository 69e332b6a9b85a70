"""What is searched, and what a choice means for a training. Rules only."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.recipe import Network, Recipe
from trainer.tuning.settings import Span

OWN = "hparams."
_NETWORK = "network."
_FIXED = frozenset({"height", "width", "fit", "model", "pretraining", "weights", "seed"})
_DRAWN = frozenset({"backbone", "embedding"})
_OF_TABLES = ("epochs", "batch", "learning_rate")
Choice = Mapping[str, Any]


def check_search(search: Mapping[str, Any], recipe: Recipe, own: bool) -> None:
    """Raise ConfigError for a key that no training of the recipe can be given, and for values that it cannot have.

    `search` maps a key to a Span or to values; `own` = there is a `build_model` for `hparams.…`.
    """
    known = [f"{_NETWORK}{name}" for name in _searched(recipe.task)]
    if not search:
        raise ConfigError("tuner.search is empty; name what to search, such as network.learning_rate")
    for key, values in search.items():
        if key not in known and not (key.startswith(OWN) and key != OWN and own):
            mistyped = key.removeprefix(_NETWORK) not in Network.model_fields
            near = difflib.get_close_matches(key, known, n=1) if mistyped else []
            hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(known)}"
            more = "" if own else f"; {OWN}… is for the build_model of your own module"
            raise ConfigError(f"tuner.search: '{key}' cannot be searched, {hint}{more}")
        if recipe.network.pretraining and key.removeprefix(_NETWORK) in _DRAWN:
            raise ConfigError(
                f"tuner.search: '{key}' cannot be searched beside network.pretraining, whose weights are those of one "
                "network; search something else, or give --set network.pretraining=0"
            )
        samples = _samples(key, values)
        if key in known:
            _check_values(recipe.network, key.removeprefix(_NETWORK), samples)


def _searched(task: str) -> list[str]:
    """Return the keys of `network` that change how a task trains."""
    return list(_OF_TABLES) if task == "tabular" else [name for name in Network.model_fields if name not in _FIXED]


def _samples(key: str, values: Any) -> Sequence[Any]:
    """Return all listed values, or the ends of a span and a number between. Raises ConfigError for an empty search."""
    if not isinstance(values, Span):
        if not values:
            raise ConfigError(f"tuner.search: '{key}' has no values; list some")
        return tuple(values)
    if not values.low < values.high:
        raise ConfigError(f"tuner.search: '{key}': low {values.low:g} is not below high {values.high:g}; correct it")
    if values.log and values.low <= 0:
        raise ConfigError(f"tuner.search: '{key}': low {values.low:g} has no logarithm; give one above 0, or no log")
    if not values.whole:
        return values.low, (2 * values.low + values.high) / 3, values.high
    if values.low % 1 or values.high % 1:
        raise ConfigError(f"tuner.search: '{key}': {values.low:g} to {values.high:g} are no whole numbers; correct it")
    return int(values.low), int(values.high)


def _check_values(network: Network, name: str, values: Sequence[Any]) -> None:
    for value in values:
        try:
            Network.model_validate({**network.model_dump(), name: value})
        except ValidationError as error:
            words = error.errors()[0]["msg"]
            hint = "; say whole: true" if "integer" in words and isinstance(value, float) else ""
            shown = f"{value:g}" if isinstance(value, float) else value
            raise ConfigError(f"tuner.search: '{_NETWORK}{name}' cannot be {shown}: {words}{hint}") from error


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
