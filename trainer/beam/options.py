"""Beam's own options from plain values, checked by Beam's own classes before anything runs."""

from __future__ import annotations

import contextlib
import difflib
import io
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.errors import ConfigError


def pipeline_options(options: Mapping[str, Any]) -> Any:
    """Return Beam's PipelineOptions. Raises ConfigError for an option or a value that Beam does not take."""
    from apache_beam.options.pipeline_options import PipelineOptions

    known = PipelineOptions([]).get_all_options()
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean '{near[0]}'?" if near else "see the documentation of Beam's runner"
            raise ConfigError(f"beam.options: Beam knows no option '{name}'; {hint}")
    said = io.StringIO()
    try:
        # Beam reads options as a command line would be read: what it refuses ends the process, with the reason printed.
        with contextlib.redirect_stderr(said):
            made = PipelineOptions.from_dictionary({name: _plain(value) for name, value in options.items()})
            made.get_all_options()
    except SystemExit as error:
        reason = said.getvalue().strip().splitlines()[-1].partition("error: ")[2]
        raise ConfigError(f"beam.options: {reason or 'refused by Beam'}; correct it") from error
    return made


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | list) else str(value)
