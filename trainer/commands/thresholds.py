"""`trainer thresholds`: what other thresholds would do, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_agent.contracts.command import json_option, report
from trainer.commands.options import root_option


@click.command()
@root_option
@click.option("--run", "run", default="", help="The run whose evaluation is taken; the newest one unless given.")
@click.option("--escape-rate", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Another target.")
@click.option("--confidence", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), help="Another confidence.")
@click.option("--review-share", type=click.FloatRange(0, 1), help="Another limit of what people see.")
@click.option("--cost", nargs=3, type=click.FloatRange(min=0), help="Cost of an escape, an overkill and a review.")
@click.option("--defective-share", type=click.FloatRange(0, 1), help="Share of defective parts in production.")
@json_option
def thresholds(
    root: Path,
    run: str,
    escape_rate: float | None,
    confidence: float | None,
    review_share: float | None,
    cost: tuple[float, float, float] | None,
    defective_share: float | None,
    as_json: bool,
) -> None:
    """Choose thresholds again on the last evaluation's answers: what would another target, or another cost, bring?

    Nothing is trained, and no model changes; put what you like into the recipe. Where the held-out parts cannot carry
    the target, the answer says "insufficient evidence" and how many parts are missing.

    Example: trainer thresholds --root work --escape-rate 0.01
    """
    from edge_agent.contracts.errors import ConfigError
    from edge_agent.contracts.recipe import Thresholds
    from edge_agent.contracts.strict import parse
    from trainer.evaluation.assessment import cost_of
    from trainer.evaluation.last import evaluation_of
    from trainer.evaluation.plain import finite
    from trainer.evaluation.settings import CostSettings
    from trainer.evaluation.whatif import replay

    evaluation = evaluation_of(root, run)
    metrics = evaluation.metrics
    asked = {"escape_rate": escape_rate, "confidence": confidence, "review_share": review_share}
    given = {name: value for name, value in asked.items() if value is not None}
    policy = parse(Thresholds, {**metrics["policy"], **given}, "the options")
    costs = dict(metrics["costs"] or {})
    if cost:
        costs |= dict(zip(("escape", "overkill", "review"), cost, strict=True))
    if defective_share is not None:
        if not costs:
            raise ConfigError(
                "--defective-share weighs costs, and the recipe of the run has none; give --cost 100 5 1 as well"
            )
        costs["defective_share"] = defective_share
    cost_settings = parse(CostSettings, costs, "--cost") if costs else None
    found = finite(replay(evaluation.predictions, metrics["combine"], policy, cost_of(cost_settings)))
    report(as_json, {"run": evaluation.run.run, **found}, lambda: _show(evaluation.run.run, found))


def _show(run: str, found: dict[str, Any]) -> None:
    pair = found["thresholds"]
    refused = "refused, nothing but caution: " if found["refused"] else ""
    chosen = f"accept below {pair['accept_below']:.3f}, reject from {pair['reject_above']:.3f} on"
    click.echo(f"run {run}: {refused}{chosen}\n  {pair['note']}")
    click.echo(f"  {found['evidence']['text']}")
    names = ["escape", "overkill", "review", *(["cost"] if found["cost"] else [])]
    click.echo(f"\n{'test parts':<22}{'parts':>6}" + "".join(f"{name:>24}" for name in names))
    rows = [{"slice": "overall", "parts": found["inspection"]["review"]["n"], "inspection": found["inspection"]}]
    for row in [*rows, *found["slices"]]:
        cells = "".join(f"{_cell(row['inspection'][name], name == 'cost'):>24}" for name in names)
        few = "" if row.get("judged", True) else "  (few parts)"
        click.echo(f"{row['slice']:<22}{row['parts']:>6}{cells}{few}")
    click.echo(
        f"\n{'escape target':<16}{'accept below':>14}{'reject from':>13}{'escape':>9}{'overkill':>10}{'review':>9}"
    )
    for rung in found["ladder"]:
        shares = "".join(f"{_percent(rung[name]['value']):>{wide}}" for name, wide in _WIDTHS.items())
        thin = f"  insufficient evidence: {rung['missing']} more defective parts" if rung["refused"] else ""
        click.echo(
            f"{rung['escape_rate']:<16.1%}{rung['accept_below']:>14.3f}{rung['reject_above']:>13.3f}{shares}{thin}"
        )


_WIDTHS = {"escape": 9, "overkill": 10, "review": 9}


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _cell(found: dict[str, Any], plain: bool) -> str:
    low, value, high = found["low"], found["value"], found["high"]
    if value is None:
        return "-"
    return f"{value:.3g} ({low:.3g} to {high:.3g})" if plain else f"{value:.1%} ({low:.1%} to {high:.1%})"
