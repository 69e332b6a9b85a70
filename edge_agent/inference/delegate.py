"""A delegate: a vendor's shared library that takes over what it can of a graph, by an option of the station.

The library follows TFLite's external delegate interface (`tflite_plugin_create_delegate`). It runs inside this process:
whoever names it trusts it as the agent itself.
"""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass, field
from typing import Any

from edge_agent.contracts.errors import ConfigError


@dataclass(frozen=True)
class Delegate:
    """A library's path and its options, as its vendor documents them."""

    library: str
    options: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return it as one argument of a child's command line."""
        return json.dumps({"library": self.library, "options": self.options}, sort_keys=True)


def delegate_from(text: str | None) -> Delegate | None:
    """Return what `Delegate.text` wrote; None for nothing."""
    if not text:
        return None
    content = json.loads(text)
    return Delegate(content["library"], dict(content["options"]))


def load(delegate: Delegate, module: Any, runtime: str) -> Any:
    """Return the runtime's handle of a delegate. Raises ConfigError where runtime or library cannot do it."""
    make = getattr(module, "load_delegate", None)
    if make is None:
        raise ConfigError(f"{runtime} knows no delegates; remove 'runtime.delegate' from station.yaml")
    try:
        # The runtime's own wrapper complains from its destructor when the library is not there.
        ctypes.CDLL(delegate.library).tflite_plugin_create_delegate  # noqa: B018
        return make(delegate.library, delegate.options)
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        raise ConfigError(
            f"{runtime} cannot load the delegate {delegate.library} ({' '.join(str(error).split())}); "
            "give the path of a library for this machine and runtime, or remove 'runtime.delegate' from station.yaml"
        ) from error
