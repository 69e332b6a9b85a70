"""`edge-agent challenger`: what a model beside the champion makes of the same parts, and which of them it decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edge_agent.contracts.command import json_option
from edge_agent.contracts.command import report as tell
from edge_agent.contracts.verdict import Verdict
from edge_agent.options import home_option

if TYPE_CHECKING:
    from edge_agent.decision.comparison import Comparison
    from edge_agent.home import Home
    from edge_agent.journal.reader import Reader

_PAGE = 1000
_SHOWN = 20


class Judged(NamedTuple):
    """A part that both judged; scores are probabilities of defective, `person` what a person decided.

    `canary` is what became of it where it was drawn for the challenger: decided, late or failed; else "".
    """

    part: int
    seq: int
    serial: str
    champion: Verdict
    champion_score: float
    challenger: Verdict
    challenger_score: float | None
    reason: str
    person: Verdict | None
    canary: str = ""


def judged_by_both(reader: Reader, home: Home, bundle: str) -> Iterator[Judged]:
    """Read the parts of which a challenger and a champion that is still on this device have an opinion."""
    from edge_agent.contracts.credentials import device_class
    from edge_agent.decision.verdict import opinion
    from edge_agent.station.models import Bundles

    bundles, kind, after = Bundles(home), device_class(home.credentials), 0
    while rows := reader.rows("challenger_parts", bundle=bundle, after=after, limit=_PAGE):
        after = rows[-1][0]
        for part, seq, serial, champion, score, verdict, reason, also, canary, person in rows:
            manifest = bundles.manifest(champion)
            if manifest is None or score is None:
                continue
            thought = opinion(score, manifest.variant_for(kind).thresholds)
            said = Verdict(person) if person else None
            yield Judged(part, seq, serial, thought, score, Verdict(verdict), also, reason, said, canary or "")


@click.command(epilog="Example: edge-agent challenger --home /var/lib/station")
@home_option
@click.option("--bundle", default="", metavar="ID", help="This challenger's bundle; else the last one that judged.")
@json_option
def challenger(home: Path, bundle: str, as_json: bool) -> None:
    """Compare a challenger (fleet rollout --strategy shadow or canary-parts) with the champion, part by part.

    "decided" counts the parts of its share that it decided, "disputed" those of them of which the champion thought
    otherwise.

    "wrong" counts the parts that a person decided, where one of the two alone would have accepted a bad or rejected a
    good part. People see the parts the champion was unsure of, and audits: judge the two by these parts only.
    """
    from edge_agent.contracts.errors import Rejected
    from edge_agent.decision.comparison import Pair, compare
    from edge_agent.home import Home
    from edge_agent.journal.canary import canary_counts
    from edge_agent.journal.reader import read_journal

    place = Home(home.absolute())
    with read_journal(place.journal) as reader:
        last = reader.row("last_challenger")
        chosen = bundle or (str(last[0]) if last else "")
        if not chosen:
            raise Rejected("no challenger has judged here; start one with 'fleet rollout MODEL --strategy shadow'")
        differing: list[Judged] = []

        def pairs() -> Iterator[Pair]:
            for judged in judged_by_both(reader, place, chosen):
                if judged.champion is not judged.challenger:
                    differing.append(judged)
                    del differing[:-_SHOWN]
                yield Pair(judged.champion, judged.challenger, judged.person)

        found = compare(pairs())
        share = reader.row("last_canary", bundle=chosen)
        canary = {"share": share[0] if share else 0.0, **canary_counts(reader, chosen)._asdict()}
    shown = {**_as_json(chosen, found, differing), "canary": canary}
    tell(as_json, shown, lambda: _show(chosen, found, differing, canary))


def _as_json(bundle: str, found: Comparison, differing: list[Judged]) -> dict[str, Any]:
    return {
        "bundle": bundle,
        "parts": found.parts,
        "agreement": found.agreement,
        "table": {f"{one.value}/{other.value}": count for (one, other), count in sorted(found.table.items())},
        "decided": found.decided,
        "champion_wrong": found.champion_wrong,
        "challenger_wrong": found.challenger_wrong,
        "p_value": found.p_value,
        "differing": [judged._asdict() for judged in differing],
    }


def _show(bundle: str, found: Comparison, differing: list[Judged], canary: dict[str, Any]) -> None:
    share = "-" if found.agreement is None else f"{found.agreement:.1%}"
    click.echo(f"challenger {bundle[:12]}: {found.parts} parts judged by both, {share} alike")
    if canary["drawn"]:
        click.echo(
            "{share:.3g} of the parts: {drawn} drawn, {decided} decided ({disputed} disputed), {late} late, "
            "{failed} failed".format(**canary)
        )
    click.echo()
    names = [verdict.value for verdict in Verdict]
    click.echo("champion \\ challenger " + "".join(f"{name:>9}" for name in names))
    for one in Verdict:
        click.echo(f"{one.value:>21} " + "".join(f"{found.table[one, other]:>9}" for other in Verdict))
    click.echo(
        f"\nof {found.decided} parts that a person decided, only the champion was wrong in {found.champion_wrong}, "
        f"only the challenger in {found.challenger_wrong}" + _significance(found)
    )
    for judged in differing:
        score = "-" if judged.challenger_score is None else f"{judged.challenger_score:.3f}"
        person = f", person: {judged.person.value}" if judged.person else ""
        drawn = f", {judged.canary} by the challenger" if judged.canary == "decided" else ""
        click.echo(
            f"  part {judged.seq} {judged.serial}: {judged.champion.value} ({judged.champion_score:.3f}) / "
            f"{judged.challenger.value} ({score}){drawn}{person}"
        )


def _significance(found: Comparison) -> str:
    return "" if found.p_value is None else f" (McNemar, exact: p = {found.p_value:.3f})"
