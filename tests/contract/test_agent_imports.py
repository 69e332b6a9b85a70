"""The agent runs without TensorFlow and without the cloud's packages, in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FORBIDDEN = ("tensorflow", "keras", "trainer", "converter", "fleet", "ml_metadata", "apache_beam", "sqlalchemy")
WHOLE_AGENT = """
import json, pkgutil, importlib, sys
import edge_agent
for found in pkgutil.walk_packages(edge_agent.__path__, "edge_agent."):
    importlib.import_module(found.name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
COMMAND = """
import json, sys
from edge_agent.cli import main
try:
    main(["--help"], standalone_mode=True)
except SystemExit:
    pass
print()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def loaded(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_no_module_of_the_agent_loads_what_is_forbidden() -> None:
    modules = loaded(WHOLE_AGENT)
    assert "edge_agent" in modules
    assert modules.isdisjoint(FORBIDDEN), modules & set(FORBIDDEN)
    assert "zxingcpp" not in modules, "only a recipe that reads codes loads the decoder"


@pytest.mark.parametrize("heavy", ["numpy", "cv2", "pydantic", "fastapi", "tuf", "paho", "ai_edge_litert"])
def test_the_command_comes_up_without_the_heavy_ones(heavy: str) -> None:
    assert heavy not in loaded(COMMAND)


@pytest.mark.parametrize(
    ("process", "spared"),
    [
        ("edge_agent.station.server", {"numpy", "cv2", "ai_edge_litert", "paho", "tuf", "pymodbus"}),
        ("edge_agent.uplink.process", {"cv2", "ai_edge_litert", "fastapi", "pymodbus"}),
        ("edge_agent.agent", {"fastapi", "paho", "tuf", "pymodbus"}),
    ],
)
def test_a_process_starts_without_what_is_the_work_of_the_others(process: str, spared: set[str]) -> None:
    """Each of these costs megabytes where it has little to do, and time before the station is ready."""
    code = f"import json, sys, {process}\nprint(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    assert loaded(code).isdisjoint(spared), loaded(code) & spared
