"""schemathesis against a running station: what it sends is never a server error, what comes back is documented."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from edge_agent.home import Home, read_json
from tests.conftest import absent, wait_for
from tests.simulators.line import PARTS, TINY, environment, install

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)
ENDLESS = "/api/live"
TOOL = (sys.executable, "-W", "ignore", "-m", "schemathesis.cli")
OPTIONS = (
    f"--checks={','.join(CHECKS)}",
    f"--exclude-path={ENDLESS}",
    "--phases=coverage,fuzzing",
    "--max-examples=8",
    "--seed=1",
    "--generation-database=none",
    "--no-color",
)
BEARER = "Authorization: Bearer"
SLOW_S = 60


@pytest.mark.slow
def test_the_station_answers_as_its_description_says(tmp_path: Path) -> None:
    if find_spec("schemathesis") is None:
        absent("the package schemathesis")
    home = Home(tmp_path / "home")
    install(home, TINY)
    settings = {"source": f"folder://{PARTS}?loop=1", "trigger": {"kind": "http"}, "ui": {"port": 0}}
    home.config.write_text(yaml.safe_dump(settings))
    (tmp_path / "known.toml").write_text('[parameters]\n"path.name" = "tiny"\n"path.version" = "v1"\n')
    command = [sys.executable, "-m", "edge_agent.cli", "run", "--home", str(home.root)]
    station = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        wait_for(lambda: bool(read_json(home.station).get("ui")), SLOW_S, "the page")
        token = (home.root / "api.token").read_text().strip()
        url = f"{read_json(home.station)['ui']}openapi.json"
        done = subprocess.run(
            [
                *TOOL,
                "--config-file",
                str(tmp_path / "known.toml"),
                "run",
                url,
                *OPTIONS,
                "--header",
                f"{BEARER} {token}",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    finally:
        station.terminate()
        station.wait(SLOW_S)
