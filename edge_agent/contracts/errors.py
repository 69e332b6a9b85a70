"""The three ways in which something can go wrong, as a caller must tell them apart.

A message says what was found, what was expected and what to do.
"""

from __future__ import annotations


class LinesideError(Exception):
    """Base of all errors that Lineside raises on purpose. `exit_code` is what a command exits with."""

    exit_code = 1


class Rejected(LinesideError):
    """The input is bad and will stay bad: never retry."""

    exit_code = 3


class Unavailable(LinesideError):
    """Something needed is away or busy: try again later."""

    exit_code = 4


class ConfigError(LinesideError):
    """A person must act: a wrong setting, a missing file, a missing right."""

    exit_code = 5
