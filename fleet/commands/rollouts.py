"""`fleet rollout` and `fleet rollouts`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.contracts.command import json_option, report
from edge_agent.contracts.errors import Rejected
from fleet.commands.options import connect, home_option, table

if TYPE_CHECKING:
    from fleet.client import Client

_POLL_S = 0.5
_ENDED = ("done", "aborted")
STRATEGIES = ("canary", "blue-green", "shadow", "canary-parts")


@click.command(epilog="Example: fleet rollout tiles@v3 --canary 5% --soak 10m --where site=munich --wait")
@click.argument("model", required=False, metavar="[MODEL[@VERSION]]")
@click.option("--canary", metavar="SHARE", help="Devices that go first: 5% or 3. [default: 5%]")
@click.option("--stages", metavar="LIST", help="All stages, as 5%,25%,100%; instead of --canary.")
@click.option("--strategy", type=click.Choice(STRATEGIES), default="canary", show_default=True)
@click.option("--parts", metavar="SHARE", help="With canary-parts: parts of each station it decides. [default: 5%]")
@click.option("--soak", default="60s", show_default=True, help="How long a stage is watched before the next.")
@click.option("--deadline", default="10m", show_default=True, help="Silence for so long after the offer is failure.")
@click.option("--probation", default="30s", show_default=True, help="How long each device watches the new model.")
@click.option("--probation-parts", default=20, show_default=True, help="Parts each device inspects on probation.")
@click.option("--gate-parts", default=20, show_default=True, help="Parts a stage must inspect before the next.")
@click.option("--where", multiple=True, metavar="KEY=VALUE", help="Only these: site, line, class, device, tag.NAME.")
@click.option("--wait", is_flag=True, help="Follow it to the end; exit 1 if it was aborted.")
@home_option
@json_option
def rollout(
    model: str | None,
    canary: str | None,
    stages: str | None,
    strategy: str,
    parts: str | None,
    soak: str,
    deadline: str,
    probation: str,
    probation_parts: int,
    gate_parts: int,
    where: tuple[str, ...],
    wait: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Bring MODEL[@VERSION] to all devices in scope, canary first; by default the latest blessed version."""
    from fleet.rollout.orders import duration_ms, parts_share, scope

    if parts is not None and strategy != "canary-parts":
        raise Rejected(
            "--parts is a share of each station's parts, for --strategy canary-parts; --canary is of devices"
        )
    if canary is not None and stages is not None:
        raise Rejected("--canary and --stages contradict each other; --stages names the canary as its first")
    order = {
        "model": model,
        "canary": canary,
        "stages": stages,
        "strategy": strategy,
        **({"parts_share": parts_share(parts)} if parts is not None else {}),
        "where": scope(where),
        "soak_ms": duration_ms(soak),
        "deadline_ms": duration_ms(deadline),
        "probation": {"seconds": duration_ms(probation) / 1000, "parts": probation_parts},
        "limits": {"parts": gate_parts},
    }
    client = connect(home)
    begun = client.post("/api/v1/rollouts", order)
    if not as_json:
        click.echo(f"Rollout {begun['id']}: {begun['model']} {begun['version']} in {_stage_text(begun)} devices")
        click.echo(begun["can_prove"]["text"] + ".")
    last = _follow(client, begun["id"], quiet=as_json) if wait else begun
    report(as_json, _summary(last), lambda: _print_end(last) if wait else None)
    if wait and last["state"] == "aborted":
        sys.exit(1)


def _stage_text(shown: dict[str, Any]) -> str:
    return " + ".join(str(stage["devices"]) for stage in shown["stages"])


def _summary(shown: dict[str, Any]) -> dict[str, Any]:
    kept = (
        "model",
        "version",
        "release",
        "state",
        "stage",
        "stages",
        "counts",
        "gates",
        "reason",
        "can_prove",
    )
    return {"rollout": shown["id"], **{key: shown[key] for key in kept}, "parts": shown.get("parts")}


def _follow(client: Client, rollout_id: str, quiet: bool) -> dict[str, Any]:
    """Show how far a rollout is until it ends; return its last state."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task(rollout_id)
        while True:
            shown: dict[str, Any] = client.get(f"/api/v1/rollouts/{rollout_id}")
            total, done = sum(s["devices"] for s in shown["stages"]), shown["counts"].get("committed", 0)
            stage = f"stage {shown['stage']}/{len(shown['stages'])} {shown['state']}: {shown['reason'] or 'starting'}"
            progress.update(task, total=total, completed=done, description=stage)
            if shown["state"] in _ENDED:
                return shown
            time.sleep(_POLL_S)


def _print_end(shown: dict[str, Any]) -> None:
    counts = ", ".join(f"{number} {status}" for status, number in shown["counts"].items())
    click.echo(f"{shown['id']} is {shown['state']}: {counts}. {shown['reason']}")


@click.command(epilog="Example: fleet rollouts abort r3")
@click.argument("action", required=False, type=click.Choice(["show", "pause", "resume", "promote", "abort"]))
@click.argument("rollout_id", required=False, metavar="[ID]")
@home_option
@json_option
def rollouts(action: str | None, rollout_id: str | None, home: Path, as_json: bool) -> None:
    """List all rollouts; or show, pause, resume, promote (to the next stage at once) or abort the one with ID."""
    client = connect(home)
    if action is None:
        _print_list(client.get("/api/v1/rollouts")["rollouts"], as_json)
        return
    if rollout_id is None:
        raise Rejected(f"which rollout? say 'fleet rollouts {action} ID'; 'fleet rollouts' lists all")
    path = f"/api/v1/rollouts/{rollout_id}"
    shown = client.get(path) if action == "show" else client.post(f"{path}/{action}")
    report(as_json, {**_summary(shown), "devices": shown["devices"]}, lambda: _print_one(shown))


def _print_list(listed: list[dict[str, Any]], as_json: bool) -> None:
    def human() -> None:
        rows = [
            (
                r["id"],
                r["model"],
                r["version"],
                r["state"],
                f"{r['stage']}/{len(r['stages'])}",
                _stage_text(r),
                r["reason"],
            )
            for r in listed
        ]
        table(("rollout", "model", "version", "state", "stage", "devices", "why"), rows, "No rollout yet.")

    report(as_json, {"rollouts": listed}, human)


def _parts_text(parts: dict[str, Any]) -> str:
    counts = "{drawn} drawn, {decided} decided ({disputed} disputed), {late} late, {failed} failed".format(**parts)
    return f"{parts['share']:.3g} of the parts: {counts}"


def _print_one(shown: dict[str, Any]) -> None:
    _print_end(shown)
    for gate in shown["gates"].values():
        click.echo(f"gate {gate['name']}: {gate['verdict']}, {gate['reason']}")
    if shown.get("parts"):
        click.echo(_parts_text(shown["parts"]))
    rows = [(d["device"], d["stage"], d["status"], d["reason"]) for d in shown["devices"]]
    table(("device", "stage", "status", "why"), rows, "No devices.")
