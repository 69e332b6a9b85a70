"""The registry's keys: root and targets stay with the publisher, one online key signs snapshot and timestamp.

The files lie in HOME/keys with mode 0600. Only `online.pem` is needed by the running server: move the others to
the machine (or the stick) from which you publish, and name that folder with `fleet publish --keys`.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner as Signer  # type: ignore[attr-defined]

from edge_agent.contracts.errors import ConfigError
from fleet.home import write_private

__all__ = ["Signer", "create_keys", "load_signer", "load_signers"]

ROOT = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD = 2
TARGETS = ("targets-1", "targets-2")
TARGETS_THRESHOLD = 2
ONLINE = "online"


def create_keys(folder: Path) -> None:
    """Generate all keys that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (*ROOT, *TARGETS, ONLINE):
        path = folder / f"{name}.pem"
        if not path.exists():
            write_private(path, Signer.generate_ed25519().private_bytes)


def load_signer(folder: Path, name: str) -> Signer:
    """Read one private key. Raises ConfigError where it is missing or damaged."""
    path = folder / f"{name}.pem"
    try:
        return Signer(load_pem_private_key(path.read_bytes(), password=None))
    except OSError as error:
        raise ConfigError(f"{path}: key is missing ({error.strerror}); name the folder with the keys") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path}: not a private key ({error}); restore it from your backup") from error


def load_signers(folders: list[Path], names: tuple[str, ...], threshold: int) -> list[Signer]:
    """Read the keys of a role from several folders, as many as there are.

    Raises ConfigError where fewer than `threshold` are found: what they sign would be worth nothing.
    """
    found = [
        load_signer(folder, name)
        for name in names
        for folder in [next((f for f in folders if (f / f"{name}.pem").exists()), None)]
        if folder is not None
    ]
    if len(found) < threshold:
        places = ", ".join(str(folder) for folder in folders)
        raise ConfigError(
            f"{len(found)} of the keys {', '.join(names)} lie in {places}, {threshold} must sign; name more with --keys"
        )
    return found
