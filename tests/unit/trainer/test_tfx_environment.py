"""Where the benchmark looks for TFX, and what it says where TFX cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.tfx.environment import NotHere, place, tfx_python


def test_a_folder_that_is_named_is_taken(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    assert tfx_python({"LINESIDE_TFX": str(tmp_path)}) == python
    with pytest.raises(NotHere, match="is no virtual environment"):
        tfx_python({"LINESIDE_TFX": str(tmp_path / "none")})


def test_one_that_was_made_is_found_again(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    place(environ).mkdir(parents=True)
    (place(environ) / ".installed").touch()
    assert tfx_python(environ) == place(environ) / "bin" / "python"
    assert place(environ).parent == tmp_path / "lineside"


def test_without_python_3_10_it_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(NotHere, match=r"no Python 3\.10 was found") as caught:
        tfx_python({"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert "\n" not in str(caught.value)
