"""`trainer labels`: agreement of people, doubtful labels, and the way to and from labelling tools."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option

_FORMATS = click.Choice(["csv", "coco", "label-studio"])
_SHOWN = 10


@click.group()
def labels() -> None:
    """See whether people agree, find doubtful labels, export and import.

    Example: trainer labels agreement parts
    """


@labels.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--consensus", type=click.Path(path_type=Path, dir_okay=False), help="Write image and label agreed on.")
@click.option("--apply", "into_table", is_flag=True, help="Put what was agreed on into FOLDER/labels.csv.")
@json_option
def agreement(folder: Path, consensus: Path | None, into_table: bool, as_json: bool) -> None:
    """Show how far the labellers of FOLDER agree: kappa with its interval, each labeller, disputed pictures.

    Their opinions stand in labellers.csv (image, labeller, label, time) or in columns such as label.anna of labels.csv.
    What a picture is, the majority says; with three labellers or more, Dawid and Skene's model of who is reliable.

    Example: trainer labels agreement parts --consensus agreed.csv
    """
    from trainer.evaluation.plain import finite
    from trainer.labels import agreement as rules
    from trainer.labels.adopt import adopt
    from trainer.labels.exchange import write_consensus
    from trainer.labels.opinions import read_opinions

    opinions = read_opinions(folder)
    verdicts = rules.consensus(opinions)
    if consensus is not None:
        write_consensus(verdicts, consensus)
    changed = [asdict(one) for one in adopt(folder, verdicts)] if into_table else None
    found = {
        "pictures": len(verdicts),
        "labels": list(opinions.labels),
        "kappa": finite(asdict(rules.kappa(opinions))),
        "labellers": [asdict(one) for one in rules.labellers(opinions, verdicts)],
        "disputed": [asdict(one) for one in sorted(verdicts, key=lambda one: one.sure) if one.disputed],
        "refused": [asdict(one) for one in opinions.refused],
        "changed": changed,
    }
    report(as_json, found, lambda: _show_agreement(found))


def _show_agreement(found: dict[str, Any]) -> None:
    kappa = found["kappa"]
    known = kappa["value"] is not None
    value = f"{kappa['value']:.3f} (95 % interval {kappa['low']:.3f} to {kappa['high']:.3f})" if known else "undefined"
    click.echo(f"{kappa['kind'].capitalize()}'s kappa {value}, {kappa['pictures']} pictures with two opinions or more")
    for one in found["labellers"]:
        click.echo(f"  {one['name']:<20} agrees on {one['agreed']:.1%} of {one['pictures']} pictures")
    click.echo(f"{len(found['disputed'])} of {found['pictures']} pictures are disputed")
    for one in found["disputed"][:_SHOWN]:
        said = ", ".join(f"{name}: {label}" for name, label in sorted(one["said"].items()))
        click.echo(f"  {one['image']}: {one['label']} ({one['sure']:.0%}); {said}")
    if found["changed"] is not None:
        click.echo(f"{len(found['changed'])} labels of labels.csv were changed")
    for one in (found["changed"] or ())[:_SHOWN]:
        click.echo(f"  {one['image']}: {one['before'] or 'none'} became {one['label']}")
    for one in found["refused"][:_SHOWN]:
        click.echo(f"  not used: {one['where']}: {one['reason']}", err=True)


@labels.command()
@root_option
@click.option("--run", "run_name", default="", help="The run; the newest one that was evaluated unless given.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with the pictures.")
@json_option
def suspects(root: Path, run_name: str, page: Path | None, as_json: bool) -> None:
    """List labels that are probably wrong, by the answers of a run's model to pictures that trained nothing.

    Example: trainer labels suspects --root work --html doubtful.html
    """
    from trainer.evaluation.last import evaluation_of
    from trainer.labels.exchange import examples_of
    from trainer.labels.suspects import pictures_of, suspects_of
    from trainer.reports.suspects import write_suspects

    evaluation = evaluation_of(root, run_name)
    found = suspects_of(evaluation.predictions)
    if page is not None:
        pictures = pictures_of(evaluation, examples_of(root, evaluation.run))
        write_suspects(evaluation.run.run, found, pictures, page)

    def show() -> None:
        click.echo(f"{len(found)} labels of run {evaluation.run.run} are doubted")
        for one in found[:_SHOWN]:
            says = f"labelled {one.label} ({one.said_label:.0%}), may be {one.suggested} ({one.said_suggested:.0%})"
            click.echo(f"  {one.image} of {one.part}: {says}")
        if page is not None:
            click.echo(f"page: {page}")

    report(as_json, {"run": evaluation.run.run, "suspects": [asdict(one) for one in found]}, show)


@labels.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--format", "kind", type=_FORMATS, required=True, help="What the file is for.")
@json_option
def export(folder: Path, target: Path, kind: str, as_json: bool) -> None:
    """Write the labels and masks of FOLDER into one FILE for another tool; the pictures stay where they are.

    Example: trainer labels export parts parts-coco.json --format coco
    """
    from trainer.labels.exchange import export_labels

    found = export_labels(folder, target, kind)
    report(as_json, found, lambda: _show_exchange(found, f"are in {target}"))


@labels.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "kind", type=_FORMATS, required=True, help="What wrote the file.")
@click.option("--good", default="ok", show_default=True, help="Label of a picture without annotations.")
@click.option("--replace", is_flag=True, help="Write labels.csv anew where there is one.")
@json_option
def import_(source: Path, folder: Path, kind: str, good: str, replace: bool, as_json: bool) -> None:
    """Write labels.csv and masks into FOLDER, which holds the pictures, from another tool's FILE.

    Where several people labelled one picture in Label Studio, labellers.csv says what each said: see 'agreement'.
    Records that cannot be used whole are left out, each with its reason in FOLDER/quarantine.json.

    Example: trainer labels import parts-coco.json parts --format coco --good ok
    """
    from trainer.labels.exchange import import_labels

    found = import_labels(source, folder, kind, good, replace)
    report(as_json, found, lambda: _show_exchange(found, f"are in {folder / 'labels.csv'}"))


def _show_exchange(found: dict[str, Any], where: str) -> None:
    click.echo(f"{found['pictures']} pictures, {found['masks']} of them with a mask, {where}")
    for one in found["refused"][:_SHOWN]:
        click.echo(f"  not used: {one['where']}: {one['reason']}", err=True)
    if found.get("labellers"):
        click.echo(f"what {found['labellers']} people said is in labellers.csv; see 'trainer labels agreement'")
    if found["refused"]:
        click.echo(f"{len(found['refused'])} records are not used; all of them: {found['quarantine']}", err=True)
