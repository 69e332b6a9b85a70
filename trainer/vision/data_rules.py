"""What is known of a table of pictures before any is seen; light, for the graph is built from it."""

from __future__ import annotations

from typing import Any

SCHEMA_RULES: dict[str, Any] = {
    "label": "label",
    "only_training": ["label", "masked"],
    "always": ["label", "part", "masked", "brightness", "contrast", "sharpness", "dark_share", "bright_share"],
    "needed_from": 2.0,
    "ranges": {
        "brightness": [0.0, 255.0],
        "contrast": [0.0, 128.0],
        "dark_share": [0.0, 1.0],
        "bright_share": [0.0, 1.0],
    },
}
"""Rules of `trainer.components.schema_gen`; no column but those that are always there must be in later data."""

OFTEN_CONSTANT = ["bright_share", "dark_share", "exposure", "label", "lot", "masked", "part", "station"]
"""Columns that may well be the same in every picture: nobody is warned."""
