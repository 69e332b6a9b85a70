"""What the machine around a station is like: who runs it, whose its files are, disk and clock. Changes nothing."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import stat
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from edge_agent.home import Home

_BUILT_AFTER = 1_700_000_000
_TIME_ERROR = 5
_TIMEX_BYTES = 512
_APART_S = 30.0
_FEWEST_FILES = 1000
_SECRET_FILES = ("credentials.json", "api.token", "pins.json")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where all is well.

    A `warning` is no fault: the station works, but a person should know.
    """

    check: str
    ok: bool
    found: str
    remedy: str = ""
    warning: bool = False


def user(uid: int, home: Path) -> Finding:
    """Say who this is; the station needs no root."""
    if uid != 0:
        return Finding("user", True, _name(uid))
    remedy = f"run the station as a user of its own: edge-agent service install --home {home}"
    return Finding("user", True, "root, which the station does not need", remedy, warning=True)


def files(home: Home, uid: int) -> Finding:
    """Say whether everything in the home belongs to the one who owns it, and whether secrets are read by others."""
    if not home.root.is_dir():
        return Finding("files", False, f"{home.root} does not exist", "run 'edge-agent enrol FILE --home DIR'")
    found_owners = {path: path.lstat().st_uid for path in (home.root, *sorted(home.root.iterdir()))}
    owner = found_owners[home.root]
    if (strange := owners(found_owners, home.root)) is not None:
        return strange
    shown = [name for name in _SECRET_FILES if _others_read(home.root / name)]
    if shown:
        return Finding("files", False, f"others may read {', '.join(shown)}", f"chmod 600 {home.root / shown[0]}")
    if uid not in (0, owner) and not os.access(home.root, os.W_OK):
        found = f"{home.root} belongs to {_name(owner)}, and {_name(uid)} may not write"
        return Finding("files", False, found, f"run this as {_name(owner)}, or chown -R {_name(uid)} {home.root}")
    return Finding("files", True, f"all belong to {_name(owner)}")


def owners(uids: Mapping[Path, int], root: Path) -> Finding | None:
    """Return the fault where a path belongs to another user than the folder `root`; None where all is one's."""
    whose = uids[root]
    strange = next((path for path, uid in uids.items() if uid != whose), None)
    if strange is None:
        return None
    found = f"{strange} belongs to {_name(uids[strange])}, the folder to {_name(whose)}"
    return Finding("files", False, found, f"chown -R {_name(whose)} {root}")


def video(target: str, present: list[Path], may: Callable[[Path, int], bool]) -> str:
    """Return what to do about a USB camera, by number or device, that does not answer; "" where nothing is seen.

    `present` are the machine's video devices, `may(path, mode)` says whether this user may use one.
    """
    device = Path(target if target.startswith("/") else f"/dev/video{target}")
    if device not in present and not device.exists():
        shown = ", ".join(map(str, present)) or "none"
        return f"there is no {device} (present: {shown}); check cable and power, or change 'source' in station.yaml"
    if not may(device, os.R_OK | os.W_OK):
        return f"this user may not use {device}; add it to the group video: usermod -aG video USER"
    return ""


def _others_read(path: Path) -> bool:
    return path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077 != 0


def disk(root: Path, reserve_mb: float) -> Finding:
    """Say whether the disk takes what a station writes: space, files, and that it may be written at all."""
    if not root.is_dir():
        return Finding("disk", False, f"{root} does not exist", "run 'edge-agent enrol FILE --home DIR'")
    about = os.statvfs(root)
    if about.f_flag & os.ST_RDONLY:
        return Finding("disk", False, f"{root} is mounted read-only", f"mount -o remount,rw {_mount(root)}")
    free, needed = shutil.disk_usage(root).free // 1_000_000, int(reserve_mb + 50)
    if (fault := _unwritable(root)) is not None:
        return Finding(
            "disk", False, f"{root} takes no file ({fault})", "free space, and see 'dmesg' for a failing disk"
        )
    if free < needed:
        remedy = "free space, or lower storage.quota_mb, or storage.reserve_mb, which must stay free"
        return Finding("disk", False, f"{free} MB free, {needed} MB needed", remedy)
    if about.f_files > 0 and about.f_favail < _FEWEST_FILES:
        return Finding("disk", False, f"room for {about.f_favail} more files", "remove small files from this disk")
    return Finding("disk", True, f"{free} MB free, {needed} MB needed")


def _unwritable(root: Path) -> str | None:
    """Return why a file cannot be written to the disk, None where it can: a disk that fails may not say so itself.

    Who may not write here at all hears that from `files`.
    """
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"lineside")
            file.flush()
            os.fsync(file.fileno())
    except PermissionError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return None


def _mount(path: Path) -> Path:
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_mount())


def clock(now: float, fleet: str) -> Iterator[Finding]:
    """Say whether the clock is plausible, kept right by somebody, and near that of the fleet (URL; "" for none)."""
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if now <= _BUILT_AFTER:
        yield Finding("clock", False, shown, "set the clock: timedatectl set-time, or let chrony do it")
        return
    remedy = "let chrony or systemd-timesyncd keep it; deadlines do not depend on it, times in reports do"
    kept = synchronised()
    found = f"{shown}, {'kept in step' if kept else 'kept in step by nobody'}"
    yield Finding("clock", True, found, "" if kept else remedy, warning=not kept)
    apart = None if not fleet else _apart_s(fleet, now)
    if apart is not None:
        near = abs(apart) <= _APART_S
        yield Finding("fleet clock", True, f"{apart:+.0f} s from the fleet's", "" if near else remedy, warning=not near)


def synchronised() -> bool:
    """Return whether the kernel says that something keeps the clock in step (adjtimex(2), which needs no rights)."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return bool(0 <= state != _TIME_ERROR)


def _apart_s(url: str, now: float) -> float | None:
    """Return how far the clock is ahead of a server's, by the header Date of whatever it answers; None without one."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("Date")
    except (OSError, ValueError):
        return None
    try:
        return now - parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
