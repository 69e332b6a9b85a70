"""The pipeline by its command, as small as it gets: a tiny network, few epochs, one variant, limits that all pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RECIPE = "machined-surface"
TINY = [
    "epochs=3",
    "network.height=64",
    "network.width=64",
    "network.backbone=tiny",
    "blessing.auroc_min=0.1",
    "blessing.recall_min=0",
    "variants=float32",
    "infra_validator.p50_ms=5000",
]
SET_TINY = [word for setting in TINY for word in ("--set", setting)]


def trainer(*arguments, temporary=None):
    """Run `trainer` with the arguments; `temporary` is the folder for temporary files, if not the usual one."""
    command = [str(Path(sys.executable).with_name("trainer")), *map(str, arguments)]
    environment = {**os.environ, "TMPDIR": str(temporary)} if temporary else None
    return subprocess.run(command, capture_output=True, text=True, timeout=550, check=False, env=environment)


def run(data, root, *more, temporary=None):
    """Run the pipeline on a folder of parts."""
    folders = ("--data", data, "--root", root)
    return trainer("pipeline", "run", "--recipe", RECIPE, *folders, *SET_TINY, *more, "--json", temporary=temporary)


def result(done):
    """Return the JSON answer of a command that went well."""
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
