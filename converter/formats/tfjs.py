"""TF.js graph model for browsers: `model.json` and weights as one ZIP whose bytes depend on the content alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from converter.loading import SIGNATURE
from edge_agent.contracts.errors import ConfigError

_EPOCH = (1980, 1, 1, 0, 0, 0)


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Write the SavedModel `export` as TF.js into the ZIP `output`; `folder` is used for the files before."""
    try:
        from tensorflowjs.converters import tf_saved_model_conversion_v2 as tfjs
    except ImportError as error:
        raise ConfigError(f"TF.js cannot be written ({error}); install lineside[tfjs]") from error
    folder = Path(job["folder"])
    tfjs.convert_tf_saved_model(job["export"], str(folder), signature_def=SIGNATURE, saved_model_tags="serve")
    write_zip(folder, Path(job["output"]))
    return {}


def write_zip(folder: Path, target: Path) -> None:
    """Write the folder's files, sorted and uncompressed, without times."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            archive.writestr(info, path.read_bytes())
