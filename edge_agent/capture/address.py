"""The address of a source: `folder:///abs/dir?loop=1`, `file:///x.mp4`, `usb:0`, `rtsp://…`, `synthetic:?seed=1`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from edge_agent.contracts.errors import ConfigError

_COMMON = frozenset({"brightness", "lamp"})
OPTIONS = {
    "folder": _COMMON | {"loop", "fps", "shuffle"},
    "file": _COMMON | {"loop", "fps"},
    "usb": _COMMON | {"width", "height", "fps", "gain_steps", "settings"},
    "rtsp": _COMMON | {"settings"},
    "http": _COMMON | {"settings"},
    "https": _COMMON | {"settings"},
    "synthetic": _COMMON | {"seed", "fps", "defects", "size", "views"},
}
"""Known schemes and their options. `http` is a network camera that sends motion JPEG."""

NETWORK = ("rtsp", "http", "https")
NUMBERS = frozenset({"width", "height", "fps", "gain_steps", "seed", "defects", "size", "views"})


@dataclass(frozen=True)
class Dimming:
    """From `after_s` seconds on, the picture is multiplied with `factor`."""

    factor: float
    after_s: float


@dataclass(frozen=True)
class Address:
    """A source's address in pieces. `target` is a path, a device number or, for network cameras, their own URL."""

    scheme: str
    target: str
    options: dict[str, str]
    dimming: Dimming | None
    lamp: Path | None

    @property
    def shown(self) -> str:
        """The address for messages that leave the station: a network camera's without name and password."""
        if self.scheme not in NETWORK:
            return f"{self.scheme}:{self.target}"
        parts = urlsplit(self.target)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def number(self, name: str, default: float) -> float:
        """Return an option as a number. Raises ConfigError."""
        text = self.options.get(name)
        return default if text is None else _number(self.scheme, name, text)

    def flag(self, name: str) -> bool:
        """Return whether an option is switched on."""
        return self.options.get(name, "0") not in ("0", "no", "false")


def parse_address(url: str) -> Address:
    """Take a source's URL apart. Raises ConfigError naming what is wrong and what is known."""
    parts = urlsplit(url)
    known = OPTIONS.get(parts.scheme)
    if known is None:
        raise ConfigError(f"source '{url}': unknown kind '{parts.scheme}'; use one of {', '.join(sorted(OPTIONS))}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    network = parts.scheme in NETWORK
    options = {key: value for key, value in pairs if not network or key in known}
    for key in options:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
            raise ConfigError(f"source '{url}': unknown option '{key}'; {hint}")
    target = _network_url(url, known) if network else unquote(parts.netloc + parts.path)
    if parts.scheme in ("folder", "file") and not target.startswith("/"):
        raise ConfigError(f"source '{url}': give an absolute path, as in {parts.scheme}:///data/parts")
    _check_target(url, parts.scheme, target)
    for name in NUMBERS & options.keys():
        if not _number(parts.scheme, name, options[name]) >= 0:
            raise ConfigError(f"source of kind {parts.scheme}: '{name}={options[name]}' is not a number from 0 on")
    lamp = options.get("lamp")
    return Address(parts.scheme, target, options, _dimming(url, options), Path(lamp) if lamp else None)


def _check_target(url: str, scheme: str, target: str) -> None:
    """Refuse what could never be a camera, before a station starts with it."""
    if scheme == "usb" and not (target.startswith("/") or (target.isascii() and target.isdigit())):
        raise ConfigError(f"source '{url}': give the camera's number or device, as in usb:0 or usb:/dev/video0")
    if scheme not in NETWORK:
        return
    try:
        named = urlsplit(url).hostname is not None and urlsplit(url).port != 0
    except ValueError:
        named = False
    if not named:
        raise ConfigError(
            f"a source of kind {scheme} needs a host, as in {scheme}://camera.line/live, and a port up to 65535"
        )


def _network_url(url: str, ours: frozenset[str]) -> str:
    """Return the camera's own URL, without our options."""
    parts = urlsplit(url)
    kept = [piece for piece in parts.query.split("&") if piece and piece.split("=")[0] not in ours]
    return urlunsplit(parts._replace(query="&".join(kept)))


def _dimming(url: str, options: dict[str, str]) -> Dimming | None:
    text = options.get("brightness")
    if text is None:
        return None
    factor, _, after = text.partition("@")
    try:
        return Dimming(float(factor), float(after or 0))
    except ValueError as error:
        raise ConfigError(f"source '{url}': brightness '{text}' is not FACTOR@SECONDS, as in 0.6@30") from error


def _number(scheme: str, name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"source of kind {scheme}: '{name}={text}' is not a number") from error
