"""`fleet publish` and `fleet models`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from fleet.commands.options import connect, home_option, table
from fleet.home import Home

if TYPE_CHECKING:
    from fleet.registry.publish import Published


@click.command(epilog="Example: fleet publish models/tiles/v3 --home ~/fleet")
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@home_option
@click.option(
    "--keys", multiple=True, type=click.Path(path_type=Path), help="Folder with keys; may be repeated. [HOME/keys]"
)
@click.option("--blessed/--not-blessed", default=True, help="Whether rollouts may take it by default.")
@json_option
def publish(bundle: Path, home: Path, keys: tuple[Path, ...], blessed: bool, as_json: bool) -> None:
    """Check BUNDLE (a folder or a .lineside archive), sign it with the offline keys and upload it.

    Publishing what is in the registry already changes nothing.
    """
    import tempfile

    from edge_agent.contracts.archive import unpack_archive
    from edge_agent.contracts.bundle import BundleFolder

    folders = [*keys, Home(home).keys]
    with tempfile.TemporaryDirectory(prefix="lineside-publish-") as temporary:
        folder = BundleFolder(bundle) if bundle.is_dir() else unpack_archive(bundle, Path(temporary))
        published = _publish(home, folders, folder, blessed, quiet=as_json)
    result = {
        "model": published.ref.name,
        "version": published.ref.version,
        "release": published.ref.release,
        "bundle": published.ref.bundle,
        "already": published.already,
        "uploaded": published.uploaded,
        "ways_back": published.reverts,
    }

    def human() -> None:
        what = "was there already" if published.already else f"is published, {published.uploaded} blobs uploaded"
        click.echo(f"{published.ref.name} {published.ref.version}, release {published.ref.release}, {what}")

    report(as_json, result, human)


def _publish(home: Path, keys: list[Path], folder: Any, blessed: bool, quiet: bool) -> Published:
    from datetime import datetime, timezone

    from rich.console import Console
    from rich.progress import Progress

    from fleet.registry.publish import Publisher
    from fleet.registry.remote import RemoteRegistry

    keys = [place for place in keys if (place / "root.json").exists()] + keys
    publisher = Publisher(RemoteRegistry(connect(home)), keys, lambda: datetime.now(timezone.utc))
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("uploading", total=None)
        return publisher.publish(
            folder, blessed, lambda done, total: progress.update(task, completed=done, total=total)
        )


@click.command(epilog="Example: fleet models --home ~/fleet")
@home_option
@click.option("--all", "everything", is_flag=True, help="Also the signed ways back to earlier bundles.")
@json_option
def models(home: Path, everything: bool, as_json: bool) -> None:
    """List the releases in the registry, newest first."""
    listed = [row for row in connect(home).get("/api/v1/models")["models"] if everything or not row["revert"]]

    def human() -> None:
        rows = [
            (r["name"], r["version"], r["release"], r["bundle"][:12], "yes" if r["blessed"] else "no") for r in listed
        ]
        table(("model", "version", "release", "bundle", "blessed"), rows, "No model yet; 'fleet publish BUNDLE'.")

    report(as_json, {"models": listed}, human)
