"""Making a folder a station: its credentials, its settings, and a bundle installed by hand."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
from pathlib import Path

from edge_agent.capture.address import parse_address
from edge_agent.capture.folder import stored_parts
from edge_agent.config import TEMPLATE, StationConfig, load_config
from edge_agent.contracts.archive import unpack_archive
from edge_agent.contracts.bundle import BundleFolder
from edge_agent.contracts.credentials import Credentials, load_credentials
from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected
from edge_agent.home import Home, replace_text
from edge_agent.install.slots import Pointer
from edge_agent.install.tuning import selftest_of
from edge_agent.outputs.secret import check_secrets
from edge_agent.processes import lock_station


def enrol(file: Path, home: Home, source: str, force: bool) -> Credentials:
    """Give a station its identity. Raises ConfigError for a file that is none, and for a home of another device."""
    credentials = load_credentials(file)
    if home.credentials.exists() and not force:
        present = load_credentials(home.credentials)
        if present.device != credentials.device:
            raise ConfigError(
                f"{home.root} is already the station '{present.device}', not '{credentials.device}'; "
                "give another --home, or --force to replace it"
            )
    prepare(home, source)
    partial = home.credentials.with_suffix(".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as target:
        target.write(file.read_bytes())
        target.flush()
        os.fsync(target.fileno())
    os.replace(partial, home.credentials)
    return credentials


def enrol_folder(files: Path, stations: Path, source: str) -> int:
    """Make a station below `stations` of each credentials file, named by its device; return how many were made.

    A file is removed once its station has it. Raises ConfigError as `enrol`.
    """
    found = sorted(files.glob("*.json"))
    for file in found:
        enrol(file, Home(stations / load_credentials(file).device), source, force=False)
        file.unlink()
    return len(found)


def prepare(home: Home, source: str) -> None:
    """Make the folders and, where there are none, settings with defaults. Raises ConfigError without the right to."""
    try:
        for folder in (home.root, home.bundles, home.images, home.run):
            folder.mkdir(parents=True, exist_ok=True)
        if not home.config.exists():
            replace_text(home.config, TEMPLATE.format(source=source))
    except OSError as error:
        raise ConfigError(f"{home.root}: cannot be written ({error.strerror}); give another --home") from error


def install_by_hand(home: Home, bundle: Path, device_class: str) -> str:
    """Copy a bundle (folder or archive) into a station's home, try its golden cases, make it the active one.

    Returns its ID. Raises Rejected for a bundle that is damaged or fails its self-test.
    """
    bundle_id = _copy(home, bundle, device_class)
    config = load_config(home.config) if home.config.exists() else StationConfig()
    pointer = Pointer(home.root, config.model_names)
    manifest = BundleFolder(home.bundle(bundle_id)).open(bundle_id)
    pointer.admit(manifest.name)
    tried = selftest_of(home.root, config.runtime)(BundleFolder(home.bundle(bundle_id)), device_class)
    if not tried.ok:
        raise Rejected(f"{bundle}: the bundle fails its self-test ({tried.reason[:300]})")
    pointer.change(manifest.name, lambda slots: slots.activated(bundle_id, manifest.release).committed())
    return bundle_id


def _copy(home: Home, bundle: Path, device_class: str) -> str:
    if bundle.is_file():
        return unpack_archive(bundle, home.bundles).id
    source = BundleFolder(bundle)
    problems = source.problems(source.open().blobs_for(device_class))
    if problems:
        raise Rejected(f"{bundle}: {problems[0]}; fetch the bundle again")
    bundle_id = source.id
    if not home.bundle(bundle_id).exists():
        staging = home.bundles / f".staging-{bundle_id}"
        shutil.rmtree(staging, ignore_errors=True)
        shutil.copytree(bundle, staging)
        os.replace(staging, home.bundle(bundle_id))
    return bundle_id


def check_station(home: Home) -> StationConfig:
    """Refuse to start what cannot run; return the settings.

    Raises ConfigError with the remedy, Unavailable where the station already runs.
    """
    if not home.config.exists():
        raise ConfigError(f"{home.root}: no station here; run 'edge-agent enrol FILE --home {home.root}' first")
    config = load_config(home.config)
    if home.credentials.exists():
        load_credentials(home.credentials)
    check_secrets(home, config)
    os.close(lock_station(home))
    check_port(config.ui.host, config.ui.port)
    return config


def check_port(host: str, port: int) -> None:
    """Raise ConfigError where the operator page could not listen."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"the operator page cannot listen on {host}:{port} ({error.strerror}); "
                "stop what does, or give another 'ui.port' in station.yaml"
            ) from error


def ready_to_run(home: Home, source: str | None, bundle: Path | None) -> StationConfig:
    """Look at all that a person must mend before a station can run, and install a bundle that was given by hand.

    Returns the settings.
    """
    if bundle is not None:
        prepare(home, source or StationConfig().source)
    config = check_station(home)
    address = parse_address(source or config.source)
    if address.scheme == "folder":
        stored_parts(Path(address.target))
    if bundle is not None:
        install_by_hand(home, bundle, "generic")
    return config


def main() -> None:
    """Check from the command line: exit 0, or one line on standard error and the error's exit code.

    The last line on standard output is what the supervisor must know of the settings, as JSON.
    """
    parser = argparse.ArgumentParser(prog="python -m edge_agent.setup")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--source")
    parser.add_argument("--bundle", type=Path)
    options = parser.parse_args()
    try:
        config = ready_to_run(Home(options.home), options.source, options.bundle)
        sys.stdout.write(json.dumps({"line": config.speaks_with_the_line}) + "\n")
    except LinesideError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
