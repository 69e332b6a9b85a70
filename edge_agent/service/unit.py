"""The text of the systemd unit. Rules only: what is known of the machine comes in as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from edge_agent.contracts.errors import ConfigError

WATCHDOG_S = 30
"""Longer than the supervisor takes to replace a hot process that hangs: systemd steps in only where that fails."""

_STATE = PurePosixPath("/var/lib")


@dataclass(frozen=True)
class Place:
    """What the unit is made for. `user` "": one that systemd makes for this service alone (DynamicUser).

    `delegate`: a vendor's library runs the model; it may need its own device and make code at run time.
    """

    program: tuple[str, ...]
    home: PurePosixPath
    user: str = ""
    camera: bool = False
    delegate: bool = False
    port: int = 8790


def unit_text(place: Place) -> str:
    """Return the unit. Raises ConfigError for root, and where a user of its own could not reach home or program."""
    if place.user == "root":
        raise ConfigError("the station needs no root; give another --user, or leave it out for a user of its own")
    lines = [*_head(), *_user(place), *_process(place), *_walls(place), "", "[Install]", "WantedBy=multi-user.target"]
    return "\n".join(lines) + "\n"


def _head() -> list[str]:
    return [
        "# Written by 'edge-agent service'; changes belong into a drop-in: systemctl edit.",
        "[Unit]",
        "Description=Lineside inspection station",
        "Documentation=man:systemd.service(5)",
        "Wants=network-online.target",
        "After=network-online.target time-sync.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
    ]


def _user(place: Place) -> list[str]:
    if place.user:
        return [f"User={place.user}", f"ReadWritePaths={_path(place.home)}"]
    if _STATE not in place.home.parents:
        raise ConfigError(
            f"{place.home}: a user of its own has its folder below {_STATE}; "
            "give such a --home, or a --user who owns this one"
        )
    return ["DynamicUser=yes", f"StateDirectory={_path(place.home.relative_to(_STATE))}", "StateDirectoryMode=0700"]


def _process(place: Place) -> list[str]:
    command = " ".join(_quoted(piece) for piece in (*place.program, "run", "--home", str(place.home)))
    return [
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={command}",
        f"WorkingDirectory={_path(place.home)}",
        f"WatchdogSec={WATCHDOG_S}",
        "TimeoutStartSec=300",
        "TimeoutStopSec=20",
        "Restart=always",
        "RestartSec=2",
        "KillMode=mixed",
        "OOMPolicy=continue",
        "Nice=-5",
        "UMask=0077",
    ]


def _walls(place: Place) -> list[str]:
    """Return what the service may not do. `/proc/cpuinfo` stays: on ARM the runtime chooses its kernels by it."""
    return [
        *_devices(place),
        *(["AmbientCapabilities=CAP_NET_BIND_SERVICE"] if _low(place) else []),
        f"CapabilityBoundingSet={'CAP_NET_BIND_SERVICE' if _low(place) else ''}",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        f"ProtectHome={'read-only' if _in_home(place) else 'yes'}",
        "PrivateTmp=yes",
        "ProtectProc=invisible",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "RemoveIPC=yes",
        "LockPersonality=yes",
        *([] if place.delegate else ["MemoryDenyWriteExecute=yes"]),
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
        "SystemCallErrorNumber=EPERM",
    ]


def _devices(place: Place) -> list[str]:
    if place.delegate:
        return ["SupplementaryGroups=video render"]
    if not place.camera:
        return ["PrivateDevices=yes"]
    return ["SupplementaryGroups=video", "DevicePolicy=closed", "DeviceAllow=char-video4linux rw"]


def _low(place: Place) -> bool:
    return 0 < place.port < 1024


def _in_home(place: Place) -> bool:
    paths = [PurePosixPath(place.program[0]), place.home]
    return any(PurePosixPath(root) in path.parents for path in paths for root in ("/home", "/root", "/run/user"))


def _path(path: PurePosixPath) -> str:
    text = str(path)
    if any(character.isspace() or character in "\"'\\" for character in text):
        raise ConfigError(f"{text}: a path with blanks or quotes in a unit is asking for trouble; give a plainer one")
    return text.replace("%", "%%")


def _quoted(piece: str) -> str:
    plain = piece.replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character.isspace() for character in plain) else plain
