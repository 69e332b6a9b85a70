"""What an answer of the fleet's HTTP API means to its clients, whichever library they ask with."""

from __future__ import annotations

import json

from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable

_NO_RIGHT = (401, 403)


def error_of(status: int, body: bytes, path: str) -> LinesideError:
    """Return the error that an answer with `status` (400 and above) stands for.

    Its text is the `error` of the JSON body, or names the path and the status. 5xx is Unavailable, 401 and 403 are
    ConfigError, the rest is Rejected.
    """
    try:
        text = str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        text = f"{path}: HTTP {status}"
    if status in _NO_RIGHT:
        return ConfigError(text)
    return Unavailable(text) if status >= 500 else Rejected(text)
