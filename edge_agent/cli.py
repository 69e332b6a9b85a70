"""`edge-agent`: one inspection station."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import Command, json_option, report
from edge_agent.options import home_option

LAZY = {
    "automation": (
        "edge_agent.automation.command:automation",
        "How much the machine decides alone, and on what evidence.",
    ),
    "challenge": ("edge_agent.challenge.command:challenge", "Parts with a known answer, and the lock."),
    "challenger": ("edge_agent.report.challenger:challenger", "How a model beside the champion judged the same parts."),
    "install": ("edge_agent.install.command:install", "Install a signed bundle from a stick."),
    "light": ("edge_agent.light:light", "Run many light stations in one process."),
    "known": ("edge_agent.station.known_command:known", "Pictures with a known answer, for the operator page."),
    "predict": ("edge_agent.rows.command:predict", "Judge rows of sensor readings by a bundle for tables."),
    "recipe": ("edge_agent.recipes.command:recipe", "Which product is made, and the changeover to another."),
    "replay": ("edge_agent.replay.command:replay", "Judge recorded parts again, and say what another model changes."),
    "report": ("edge_agent.report.command:report", "What a shift or any other time has made."),
    "serve": ("edge_agent.rows.serve:serve", "Answer rows of sensor readings by HTTP, with a model for tables."),
    "service": ("edge_agent.service.command:service", "Run the station as a service of systemd."),
    "switch-back": ("edge_agent.install.switch_back:switch_back", "Let the model before judge again."),
    "trace": ("edge_agent.report.command:trace", "What came of the parts with a serial."),
    "pin": ("edge_agent.station.pins:pin", "Add or remove an operator's PIN."),
}
DEFAULT_SOURCE = "synthetic:?seed=1&fps=5"


@click.group(
    cls=Command,
    lazy=LAZY,
    epilog="Example: edge-agent enrol station-1.json --home /var/lib/station && edge-agent run --home /var/lib/station",
)
def main() -> None:
    """One inspection station: pictures in, verdicts out, people asked where the model is unsure."""


@main.command(epilog="Example: edge-agent enrol station-1.json --home /var/lib/station --source usb:0")
@click.argument("file", type=click.Path(path_type=Path))
@home_option
@click.option("--source", default=DEFAULT_SOURCE, show_default=True, help="Where pictures come from.")
@click.option("--force", is_flag=True, help="Replace the identity of another device.")
@json_option
def enrol(file: Path, home: Path, source: str, force: bool, as_json: bool) -> None:
    """Make a folder the station that FILE (from 'fleet enrol') names."""
    from edge_agent.capture.address import parse_address
    from edge_agent.home import Home
    from edge_agent.setup import enrol as give_identity

    parse_address(source)
    known = give_identity(file, Home(home.absolute()), source, force)
    report(as_json, {"device": known.device, "site": known.site, "line": known.line, "home": str(home.absolute())})


@main.command(epilog="Example: edge-agent run --home /tmp/try --bundle ./bundle --source folder:///data/parts?loop=1")
@home_option
@click.option("--source", default=None, help="Take pictures from here instead of station.yaml's source.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Try this bundle (folder or archive), without a fleet.")
@click.option("--seconds", type=float, default=None, help="Stop after this time.")
@json_option
def run(home: Path, source: str | None, bundle: Path | None, seconds: float | None, as_json: bool) -> None:
    """Inspect until Ctrl-C: starts capture, uplink and the operator page."""
    from edge_agent.home import Home
    from edge_agent.processes import HOT, UI, UPLINK, supervise
    from edge_agent.status import station_status

    place = Home(home.absolute())
    line = _ready_to_run(place.root, source, bundle)
    enrolled = place.credentials.exists() and bundle is None
    names = (HOT, UPLINK, UI) if enrolled or line else (HOT, UI)
    if seconds is not None:
        timer = threading.Timer(seconds, os.kill, (os.getpid(), 15))
        timer.daemon = True
        timer.start()
    last: dict[str, Any] = {}

    def tell(name: str, status: dict[str, Any]) -> None:
        _tell(name, status, last, as_json)

    if os.geteuid() == 0:
        click.echo("running as root, which the station does not need; see 'edge-agent service print'", err=True)
    options: tuple[str, ...] = ("--source", source) if source is not None else ()
    options += () if enrolled else ("--alone",)
    supervise(place, names, options, tell)
    after = station_status(place)
    kept = ("bundle", "mode", "ready")
    shown: dict[str, Any] = {**after, **{key: last[key] for key in kept if key in last}}
    report(as_json, shown, lambda: click.echo(f"stopped after {shown['counts'].get('parts', 0)} parts"))


def _ready_to_run(home: Path, source: str | None, bundle: Path | None) -> bool:
    """Say at once what a person must mend, rather than in a child's log; return whether the uplink serves the line.

    Looked at in a process of its own, so that the supervisor, which lives for months, stays small.
    """
    import json
    import subprocess

    from edge_agent.contracts.errors import ConfigError, LinesideError, Rejected, Unavailable
    from edge_agent.contracts.program import python_program

    options = ["--home", str(home)]
    options += ["--source", source] if source is not None else []
    options += ["--bundle", str(bundle.absolute())] if bundle is not None else []
    done = subprocess.run(python_program("edge_agent.setup", *options), capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return bool(json.loads(done.stdout.splitlines()[-1])["line"])
    kinds: tuple[type[LinesideError], ...] = (Rejected, Unavailable, ConfigError)
    kind = next((k for k in kinds if k.exit_code == done.returncode), LinesideError)
    raise kind((done.stderr.strip() or f"the check ended with code {done.returncode}").splitlines()[-1])


def _tell(name: str, status: dict[str, Any], last: dict[str, Any], quiet: bool) -> None:
    if name == "ui" and status.get("url") and last.get("url") != status["url"]:
        click.echo(f"operator page: {status['url']}", err=quiet)
    if name == "hot" and status.get("ready") != last.get("ready"):
        why = "" if status.get("ready") else f": {status.get('why')}"
        click.echo(("ready" if status.get("ready") else "not ready") + why, err=quiet)
    last.update(status)


@main.command(epilog="Example: edge-agent status --home /var/lib/station --json")
@home_option
@json_option
def status(home: Path, as_json: bool) -> None:
    """Say what the station does right now."""
    from edge_agent.home import Home
    from edge_agent.status import station_status

    report(as_json, station_status(Home(home.absolute())))


@main.command(epilog="Example: edge-agent doctor --home /var/lib/station")
@home_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, home: Path, as_json: bool) -> None:
    """Look for what is wrong, and say what to do: exit code 5 where something is, 0 with warnings alone."""
    from dataclasses import asdict

    from edge_agent.doctor import examine
    from edge_agent.home import Home

    findings = examine(Home(home.absolute()))

    def show() -> None:
        for finding in findings:
            word = "BAD " if not finding.ok else "warn" if finding.warning else "ok  "
            click.echo(f"{word} {finding.check}: {finding.found}")
            if finding.remedy:
                click.echo(f"     -> {finding.remedy}")

    ok = all(finding.ok for finding in findings)
    report(as_json, {"ok": ok, "findings": [asdict(finding) for finding in findings]}, show)
    ctx.exit(0 if ok else 5)


if __name__ == "__main__":
    main()
