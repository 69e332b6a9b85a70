"""The model card: what the model is, was made of, can do and cannot, as Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence

from converter.calibration import Finding
from converter.pack import Release
from converter.report import VariantReport
from edge_agent.contracts.bundle import Interval
from edge_agent.contracts.recipe import Recipe


def model_card(
    release: Release,
    recipe: Recipe,
    variants: Sequence[VariantReport],
    why: str,
    findings: Sequence[Finding],
    remarks: Sequence[str] = (),
) -> str:
    """Return the card's text. `remarks` come first among what it promises: what people must know of this release."""
    chosen = [f"# {release.name} {release.version} (release {release.release})", "", why + ".", ""]
    sections = [
        *chosen,
        *_use(recipe),
        *_table(variants),
        *_limits(recipe, variants, findings, remarks),
        *_sources(release),
    ]
    return "\n".join(sections) + "\n"


def _use(recipe: Recipe) -> list[str]:
    defects = ", ".join(f"`{label}`" for label in recipe.labels.defects)
    labels = f"good is `{recipe.labels.good}`, defects are {defects}"
    if recipe.task == "tabular":
        takes = "Input: one row of a table, whose columns the manifest names."
        return ["## Use", f"Inspection by readings of `{recipe.name}`: {labels}.", takes, ""]
    network, camera = recipe.network, recipe.camera
    return [
        "## Use",
        f"Visual inspection of `{recipe.name}`: {labels}.",
        f"Input: one {camera.colour.value} picture, {network.height} x {network.width} pixels after crop and "
        f"{'padding' if network.fit == 'pad' else 'resize'}. "
        f"Up to {recipe.views.count} pictures of a part count as one ({recipe.views.combine}).",
        "",
    ]


def _table(variants: Sequence[VariantReport]) -> list[str]:
    head = ["## Variants", "", "| variant | status | bytes | accuracy | defects found | p50 | reason |"]
    rows = [_row(variant) for variant in variants]
    return [*head, "|---|---|---|---|---|---|---|", *rows, ""]


def _row(variant: VariantReport) -> str:
    worth, run = variant.worth, variant.run
    accuracy, recall = (_share(worth.accuracy), _share(worth.recall)) if worth else ("", "")
    speed = f"{run.p50_ms:.3g} ms" if run and run.p50_ms is not None else ""
    return f"| {variant.id} | {variant.status} | {variant.size} | {accuracy} | {recall} | {speed} | {variant.reason} |"


def _share(interval: Interval) -> str:
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%}, n={interval.n})"


def _limits(
    recipe: Recipe, variants: Sequence[VariantReport], findings: Sequence[Finding], remarks: Sequence[str]
) -> list[str]:
    notes = [f"- {v.id}: {v.worth.thresholds.note}" for v in variants if v.worth and v.status == "passed"]
    policy = recipe.thresholds
    aim = f"Aim: at most {policy.escape_rate:.1%} of defective parts accepted, {policy.confidence:.0%} confidence."
    forced = [f"- calibration, forced by a person: {finding}" for finding in findings]
    told = [f"- **{remark}**" for remark in remarks]
    return [
        "## What it promises",
        *told,
        aim,
        *notes,
        *forced,
        f"Intervals are 95 %; {'rows' if recipe.task == 'tabular' else 'pictures'} of one part are alike.",
        "",
    ]


def _sources(release: Release) -> list[str]:
    sources = release.sources
    return [
        "## Made of",
        f"- data `{sources.data}`",
        f"- code `{sources.code}`",
        f"- environment `{sources.environment}`",
    ]
