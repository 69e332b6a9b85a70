"""Running the fleet's own command: trainer and fleet do not import each other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.contracts.errors import ConfigError, Rejected, Unavailable

_TIMEOUT_S = 120.0
_KINDS = {3: Rejected, 4: Unavailable}


def publish(bundle: Path, home: Path) -> dict[str, Any]:
    """Sign the bundle into the fleet's registry: `fleet publish`."""
    return run_fleet(["publish", str(bundle), "--home", str(home)])


def latest_release(model: str, home: Path) -> int:
    """Return the highest release of a model that the fleet has, ways back included; 0 when it has none."""
    listed = run_fleet(["models", "--all", "--home", str(home)])["models"]
    return max((int(row["release"]) for row in listed if row["name"] == model), default=0)


def start_rollout(model: str, version: str, canary: str, home: Path) -> dict[str, Any]:
    """Start a rollout: `fleet rollout MODEL@VERSION --canary SHARE`."""
    return run_fleet(["rollout", f"{model}@{version}", "--canary", canary, "--home", str(home)])


def run_fleet(arguments: Sequence[str]) -> dict[str, Any]:
    """Run `fleet ARGUMENTS --json` and return its answer. Raises what its exit code means, with its own words."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("fleet", path=beside) or shutil.which("fleet")
    if program is None:
        raise ConfigError("the command 'fleet' is not installed; pip install 'lineside[fleet]'")
    command = [program, *arguments, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"'fleet {arguments[0]}' did not end within {_TIMEOUT_S:.0f} s; is the server up?") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        kind = _KINDS.get(done.returncode, ConfigError)
        raise kind(said[-1] if said else f"'fleet {arguments[0]}' exited with {done.returncode}")
    lines = done.stdout.strip().splitlines()
    answer = json.loads(lines[-1]) if lines else {}
    return dict(answer)
