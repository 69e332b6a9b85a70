"""How a backbone that learned elsewhere is trained on: slower than what is new, the statistics of its layers kept.

A few hundred pictures would only blur what a million taught, and the first layers' edges and spots are the same here.
"""

from __future__ import annotations

from typing import Any

import keras

from trainer.vision.backbones import BODY
from trainer.vision.lite import kept_from_lite

_BODY_RATE = 0.3


def settle(model: keras.Model) -> list[Any]:
    """Keep normalisation and first layers of the pretrained backbone as they are; return what learns slowly."""
    body = model.get_layer(BODY)
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization) or kept_from_lite(layer.name):
            layer.trainable = False
    return list(body.trainable_variables)


class TwoRates(keras.optimizers.AdamW):  # type: ignore[misc]  # Keras has no types
    """AdamW whose rate is lower, and whose weights do not decay, for the variables in `slow`."""

    def __init__(self, slow: list[Any], **options: Any) -> None:
        super().__init__(1e-9, **options)
        self._slow = {self._var_key(variable) for variable in slow}
        if slow:
            self.exclude_from_weight_decay(var_list=slow)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take one step; `learning_rate` is that of what is new."""
        share = _BODY_RATE if self._var_key(variable) in self._slow else 1.0
        super().update_step(gradient, variable, learning_rate * share)
