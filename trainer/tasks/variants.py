"""The variants that a run asks for, looked at before anything runs. Rules only."""

from __future__ import annotations

import difflib

from edge_agent.contracts.errors import ConfigError


def check_variants(asked: str, table: bool) -> None:
    """Raise ConfigError for a name in the comma-separated `asked` that the Converter does not make of such a model.

    >>> check_variants("float32, dynamic", table=True)
    """
    names = [name.strip() for name in asked.split(",") if name.strip()]
    if not names:
        return
    from converter.formats.tflite import INTEGER, VARIANTS

    made = [name for name in VARIANTS if not (table and name in INTEGER)]
    for name in names:
        if name in made:
            continue
        if name in VARIANTS:
            raise ConfigError(
                f"pipeline.converter.variants: '{name}' is not made of a model for tables, whose columns would share "
                f"one int8 scale; choose from {', '.join(made)}"
            )
        near = difflib.get_close_matches(name, made, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(made)}"
        raise ConfigError(f"pipeline.converter.variants: variant '{name}' is unknown; {hint}")
