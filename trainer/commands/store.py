"""What a root holds: its runs and why a step would run again, where a model came from, what is not needed any more."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option

_OUTLOOK = {
    "cached": "would not run: nothing changed",
    "would run": "would run again",
    "skipped": "would be skipped",
}


@click.command()
@root_option
@json_option
def status(root: Path, as_json: bool) -> None:
    """Show the runs of a root and the steps of the last one.

    Example: trainer pipeline status --root work
    """
    from trainer.inspect import show_status, status_of

    found = status_of(root)
    report(as_json, found, lambda: show_status(found))


@click.command()
@click.argument("step")
@root_option
@json_option
def why(step: str, root: Path, as_json: bool) -> None:
    """Say why STEP would run again with the last run's arguments, or that it would not.

    Example: trainer pipeline why Trainer --root work
    """
    from trainer.inspect import why_step

    found = why_step(root, step)

    def show() -> None:
        click.echo(f"{step} {_OUTLOOK[found['state']]}")
        for reason in found["reasons"]:
            click.echo(f"  {reason}")

    report(as_json, found, show)


@click.command()
@click.argument("artifact")
@root_option
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write it as a page with a graph."
)
@click.option(
    "--fleet-home", type=click.Path(path_type=Path, file_okay=False), help="Fleet whose devices to show, too."
)
@json_option
def lineage(artifact: str, root: Path, page: Path | None, fleet_home: Path | None, as_json: bool) -> None:
    """Show what ARTIFACT was made of, back to the data: a digest, a bundle, or MODEL@VERSION.

    Example: trainer pipeline lineage machined-surface@v1 --root work --html lineage.html --fleet-home fleet
    """
    from trainer.pipeline.runs import Runs

    Runs(root).latest()
    if page is not None:
        from trainer.lineage.graph import write_lineage

        found = write_lineage(root, artifact, page, fleet_home)
        told = {"artifact": artifact, "page": str(page), **found}
        report(as_json, told, lambda: click.echo(f"{page}: {found['nodes']} nodes, {found['edges']} edges"))
        return
    if fleet_home is not None:
        from edge_agent.contracts.errors import ConfigError

        raise ConfigError("--fleet-home needs --html FILE: the devices are shown on the page")
    from trainer.lineage.text import lineage_of

    lines = lineage_of(root, artifact)
    report(as_json, {"artifact": artifact, "lineage": lines}, lambda: click.echo("\n".join(lines)))


@click.command()
@root_option
@click.option("--keep-runs", default=5, show_default=True, type=click.IntRange(0), help="Runs whose results stay.")
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
@json_option
def gc(root: Path, keep_runs: int, dry_run: bool, as_json: bool) -> None:
    """Remove what neither blessed models and pushed bundles nor the last runs need. Runs may go on meanwhile.

    Example: trainer pipeline gc --root work --keep-runs 3 --dry-run
    """
    from trainer.collect import collect_garbage, megabytes

    found = collect_garbage(root, keep_runs, dry_run, lambda text: click.echo(text, err=True))

    def show() -> None:
        verb = "would free" if dry_run else "freed"
        what = f"{found['contents']} contents and {found['checkpoints']} folders of checkpoints"
        click.echo(f"{verb} {megabytes(found['bytes'])} ({what}); {megabytes(found['kept_bytes'])} stay")

    report(as_json, found, show)
