"""A V4L2 camera for whole processes: `v4l2_device.c`, compiled and loaded before libc. See there what it can do."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import program

SOURCE = Path(__file__).with_suffix(".c")
DEVICE = "/dev/video77"


class V4l2Device:
    """A camera at `DEVICE` for processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._library = folder / "libcamera.so"
        command = [program("gcc", "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]
        subprocess.run([*command, str(self._library), str(SOURCE), "-lm", "-ldl"], check=True, capture_output=True)
        self.plug_in()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to see the camera."""
        return {"LD_PRELOAD": str(self._library), "V4L2_DEVICE": DEVICE, "V4L2_FOLDER": str(self.folder)}

    @property
    def was_set(self) -> list[str]:
        """The controls that were set, as "exposure 50", the first one first."""
        path = self.folder / "set"
        return path.read_text().splitlines() if path.exists() else []

    def plug_in(self) -> None:
        """Be there from now on."""
        (self.folder / "plugged").touch()

    def unplug(self) -> None:
        """Be gone: reading fails with ENODEV, opening with ENOENT."""
        (self.folder / "plugged").unlink()

    def hang(self) -> None:
        """Stay there and give no frames."""
        (self.folder / "silent").touch()

    def go_on(self) -> None:
        """Give frames again."""
        (self.folder / "silent").unlink()

    def refuse(self, control: str) -> None:
        """Have no control of this name: automatic, exposure or gain."""
        (self.folder / f"refuse-{control}").touch()
