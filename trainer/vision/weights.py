"""The weights of a network: taken out, and read from a file of another training."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np

from edge_agent.contracts.errors import Rejected
from trainer.checkpoint import Arrays
from trainer.vision.network import Network


def weights_of(model: keras.Model) -> Arrays:
    """Return copies of all weights of the model."""
    return [np.array(weight.numpy()) for weight in model.weights]


def load_weights(network: Network, path: Path) -> None:
    """Load a former model's `.weights.h5`. Raises Rejected when it is of another shape or no such file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras tells of a nested network before it raises
            network.training.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise Rejected(
            f"{path}: not the weights of a model with this recipe's size, labels and backbone; train from scratch"
        ) from error
