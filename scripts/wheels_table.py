"""Resolves the station's packages for machines that are not here, and makes a table of what came of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs" / "platforms.md"
BEGIN, END = "<!-- scripts/wheels begin -->", "<!-- scripts/wheels end -->"
X86, ARM, ARM_NEW = "x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-manylinux_2_34"
WANTED = (
    *(("agent", platform, python) for platform in (X86, ARM) for python in ("3.10", "3.11", "3.12", "3.13")),
    *(("agent-tflite", platform, python) for platform in (X86, ARM_NEW) for python in ("3.10", "3.11")),
)
SHOWN = ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless", "zxing-cpp", "cryptography")


@dataclass(frozen=True)
class Resolved:
    """One extra on one kind of machine: versions by package, or why there are none."""

    extra: str
    platform: str
    python: str
    versions: dict[str, str]
    problem: str = ""


def resolve(extra: str, platform: str, python: str) -> Resolved:
    """Ask uv for versions of which all have a wheel for this platform."""
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.txt"
        command = [str(uv), "pip", "compile", "-q", "setup.cfg", "--extra", extra, "--only-binary", ":all:"]
        command += ["--python-version", python, "--python-platform", platform, "--no-header", "--no-annotate"]
        done = subprocess.run([*command, "-o", str(out)], cwd=TOP, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line.strip() for line in done.stderr.splitlines() if "cause" in line or "error" in line]
            return Resolved(extra, platform, python, {}, " ".join(said)[:300] or done.stderr[-300:])
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)", out.read_text(encoding="utf-8"), re.MULTILINE))
    return Resolved(extra, platform, python, pins)


def table(found: list[Resolved]) -> str:
    """Return the results as Markdown."""
    rows = ["| extra | machine | Python | packages | " + " | ".join(SHOWN) + " |", "|---" * (4 + len(SHOWN)) + "|"]
    for item in found:
        count = str(len(item.versions)) if item.versions else f"none: {item.problem}"
        cells = [item.extra, item.platform, item.python, count, *(item.versions.get(name, "–") for name in SHOWN)]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    """Resolve all, print the table, and write it where `--write` is given."""
    found = [resolve(*wanted) for wanted in WANTED]
    text = table(found)
    sys.stdout.write(text + "\n")
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 1 if any(item.problem for item in found) else 0


if __name__ == "__main__":
    sys.exit(main())
