"""What a golden case feeds the graph with: a picture file or a row, made ready as on the line."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from edge_agent.contracts.bundle import InputContract, Manifest
from edge_agent.contracts.errors import Rejected
from edge_agent.contracts.row import row_input


def golden_input(data: bytes, manifest: Manifest) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """Return a case's content as the graph takes it: uint8 (height, width, channels) or float32 (columns,).

    Raises Rejected for what is neither a whole picture nor a row.
    """
    if isinstance(manifest.input, InputContract):
        from edge_agent.contracts.preprocess import decode, model_input

        return model_input(decode(data, manifest.recipe.camera.colour), manifest.recipe)
    try:
        row = json.loads(data)
    except ValueError as error:
        raise Rejected(f"golden case: {len(data)} bytes that are no row as JSON; convert the model again") from error
    if not isinstance(row, dict):
        raise Rejected(f"golden case: found {type(row).__name__}, expected a row; convert the model again")
    return row_input(row, manifest.input)
